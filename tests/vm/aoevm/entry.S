/*
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * From QEMU's start of a PVH kernel to FreeBSD's btext, as loader(8) enters it.
 *
 * On entry: 32-bit mode, no paging, %ebx = struct hvm_start_info.  loader.py defines the physical
 * addresses: PAGES (page tables), STACK (what btext takes from the stack), MEMORY (room for the
 * memory map), and ENTRY, the virtual address of btext.
 */
#define	MEMMAP_PADDR	40	/* fields of struct hvm_start_info */
#define	MEMMAP_ENTRIES	48

	.code32
	.globl	_start
_start:
	cli
	cld
	movl	MEMMAP_PADDR(%ebx), %esi
	movl	MEMMAP_ENTRIES(%ebx), %ecx
	movl	$MEMORY, %edi
1:
	movsl
	movsl
	movsl
	movsl
	movsl
	addl	$4, %esi		/* FreeBSD's entries have no padding */
	loop	1b

	movl	$0xc0000080, %ecx	/* MSR_EFER */
	rdmsr
	orl	$0x100, %eax		/* EFER_LME */
	wrmsr
	movl	%cr4, %eax
	orl	$0x20, %eax		/* CR4_PAE */
	movl	%eax, %cr4
	movl	$PAGES, %eax
	movl	%eax, %cr3
	movl	%cr0, %eax
	orl	$0x80000000, %eax	/* CR0_PG */
	movl	%eax, %cr0
	lgdt	descriptor
	ljmp	$8, $long_mode

	.code64
long_mode:
	movl	$STACK, %esp
	movq	$ENTRY, %rax
	jmp	*%rax

	.p2align 3
gdt:
	.quad	0
	.quad	0x0020980000000000	/* a 64-bit code segment */
descriptor:
	.word	. - gdt - 1
	.long	gdt
