/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Loads a FreeBSD/amd64 kernel module the way sys/kern/link_elf_obj.c does: a
 * relocatable object, its allocated sections placed one after the other,
 * __start_ and __stop_ symbols bound to the linker sets, four relocation
 * types and no others.  A symbol that the kernel lacks makes the load fail.
 *
 * The image lies below 2 GB, as 32S relocations require.  So does this
 * program, so that a PC32 relocation reaches from one into the other.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define	PAGE		4096UL
#define	KERNEL_VERSION	1500068		/* 15.0-RELEASE */
#define	MDT_DEPEND	1

struct export {
	const char	*name;
	void		*address;
};
extern const struct export kpi_exports[];	/* sorted by name */
extern const size_t kpi_nexports;

struct section {
	const char	*name;
	char		*address;	/* NULL: not loaded */
	size_t		 size;
	uint64_t	 flags;
};

static struct {
	unsigned char	*file;
	size_t		 file_size;
	char		*base;
	size_t		 size;
	struct section	*sections;
	unsigned	 nsections;
	Elf64_Shdr	*headers;
	Elf64_Sym	*symbols;
	unsigned	 nsymbols;
	const char	*strings;
} im;

bool
loader_loaded(void)
{

	return (im.base != NULL);
}

void
loader_free(void)
{

	/* A later call into the module faults, which is reported. */
	if (im.base != NULL)
		mprotect(im.base, im.size, PROT_NONE);
	if (im.base != NULL)
		munmap(im.base, im.size);
	free(im.sections);
	free(im.file);
	memset(&im, 0, sizeof(im));
}

static int
read_file(const char *path, FILE *out)
{
	struct stat st;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		fprintf(out, "%s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return (FBSD_ENOENT);
	}
	im.file_size = (size_t)st.st_size;
	im.file = malloc(im.file_size + 1);
	n = read(fd, im.file, im.file_size);
	close(fd);
	return (n == st.st_size ? 0 : FBSD_EIO);
}

static int
check_header(FILE *out)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)im.file;

	if (im.file_size < sizeof(*e) ||
	    memcmp(e->e_ident, ELFMAG, SELFMAG) != 0 ||
	    e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_type != ET_REL ||
	    e->e_machine != EM_X86_64 || e->e_shoff + e->e_shnum *
	    sizeof(Elf64_Shdr) > im.file_size) {
		fprintf(out, "not an amd64 kernel module\n");
		return (FBSD_ENOEXEC);
	}
	im.headers = (Elf64_Shdr *)(im.file + e->e_shoff);
	im.nsections = e->e_shnum;
	return (0);
}

static bool
is_loaded(const Elf64_Shdr *sh)
{

	return ((sh->sh_flags & SHF_ALLOC) != 0 && sh->sh_size != 0 &&
	    (sh->sh_type == SHT_PROGBITS || sh->sh_type == SHT_NOBITS ||
	    sh->sh_type == SHT_X86_64_UNWIND ||
	    sh->sh_type == SHT_INIT_ARRAY || sh->sh_type == SHT_FINI_ARRAY));
}

static int
place_sections(FILE *out)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)im.file;
	const char *names;
	size_t offset = 0;
	unsigned i;

	names = (const char *)im.file + im.headers[e->e_shstrndx].sh_offset;
	im.sections = calloc(im.nsections, sizeof(*im.sections));
	/* Each has its own pages, which are protected as its flags require. */
	for (i = 0; i < im.nsections; i++) {
		im.sections[i].name = names + im.headers[i].sh_name;
		im.sections[i].size = im.headers[i].sh_size;
		im.sections[i].flags = im.headers[i].sh_flags;
		if (is_loaded(&im.headers[i]))
			offset += (im.headers[i].sh_size + 2 * PAGE - 1) &
			    ~(PAGE - 1);
	}
	im.size = offset;
	im.base = mmap(NULL, im.size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	if (im.base == MAP_FAILED) {
		im.base = NULL;
		fprintf(out, "no room below 2 GB\n");
		return (FBSD_ENOEXEC);
	}
	for (i = 0, offset = 0; i < im.nsections; i++) {
		if (!is_loaded(&im.headers[i]))
			continue;
		im.sections[i].address = im.base + offset;
		if (im.headers[i].sh_type != SHT_NOBITS)
			memcpy(im.sections[i].address, im.file +
			    im.headers[i].sh_offset, im.headers[i].sh_size);
		/* A guard page follows each, so that an overrun faults. */
		offset += (im.headers[i].sh_size + 2 * PAGE - 1) & ~(PAGE - 1);
	}
	return (0);
}

static int
find_symbols(FILE *out)
{
	unsigned i;

	for (i = 0; i < im.nsections; i++)
		if (im.headers[i].sh_type == SHT_SYMTAB)
			break;
	if (i == im.nsections) {
		fprintf(out, "no symbol table\n");
		return (FBSD_ENOEXEC);
	}
	im.symbols = (Elf64_Sym *)(im.file + im.headers[i].sh_offset);
	im.nsymbols = (unsigned)(im.headers[i].sh_size / sizeof(Elf64_Sym));
	im.strings = (const char *)im.file +
	    im.headers[im.headers[i].sh_link].sh_offset;
	return (0);
}

static struct section *
find_section(const char *name)
{
	unsigned i;

	for (i = 0; i < im.nsections; i++)
		if (im.sections[i].address != NULL &&
		    strcmp(im.sections[i].name, name) == 0)
			return (&im.sections[i]);
	return (NULL);
}

static int
compare_export(const void *name, const void *e)
{

	return (strcmp(name, ((const struct export *)e)->name));
}

/* Symbols that this kernel hides, as if it had been built without them. */
static char	hidden[8][64];
static unsigned	nhidden;

int
loader_hide(const char *name)
{

	if (nhidden == sizeof(hidden) / sizeof(hidden[0]))
		return (FBSD_EINVAL);
	snprintf(hidden[nhidden++], sizeof(hidden[0]), "%s", name);
	return (0);
}

static bool
undefined(const char *name, uint64_t *value)
{
	const struct export *e;
	const struct section *s;
	unsigned i;

	if (strncmp(name, "__start_", 8) == 0 &&
	    (s = find_section(name + 8)) != NULL) {
		*value = (uint64_t)s->address;
		return (true);
	}
	if (strncmp(name, "__stop_", 7) == 0 &&
	    (s = find_section(name + 7)) != NULL) {
		*value = (uint64_t)s->address + s->size;
		return (true);
	}
	for (i = 0; i < nhidden; i++)
		if (strcmp(hidden[i], name) == 0)
			return (false);
	e = bsearch(name, kpi_exports, kpi_nexports, sizeof(*e),
	    compare_export);
	if (e == NULL)
		return (false);
	*value = (uint64_t)e->address;
	return (true);
}

static int
symbol_value(unsigned index, uint64_t *value, FILE *out)
{
	const Elf64_Sym *sym = &im.symbols[index];
	const char *name = im.strings + sym->st_name;

	if (sym->st_shndx == SHN_ABS) {
		*value = sym->st_value;
		return (0);
	}
	if (sym->st_shndx != SHN_UNDEF) {
		if (sym->st_shndx >= im.nsections ||
		    im.sections[sym->st_shndx].address == NULL) {
			fprintf(out, "symbol %s in a section that is not "
			    "loaded\n", name);
			return (FBSD_ENOEXEC);
		}
		*value = (uint64_t)im.sections[sym->st_shndx].address +
		    sym->st_value;
		return (0);
	}
	if (undefined(name, value))
		return (0);
	if (ELF64_ST_BIND(sym->st_info) == STB_WEAK) {
		*value = 0;
		return (0);
	}
	fprintf(out, "link_elf_obj: symbol %s undefined\n", name);
	return (FBSD_ENOEXEC);
}

static int
relocate_one(const Elf64_Rela *r, char *where, FILE *out)
{
	uint64_t value;
	int64_t v;
	int error;

	if (ELF64_R_TYPE(r->r_info) == R_X86_64_NONE)
		return (0);
	error = symbol_value((unsigned)ELF64_R_SYM(r->r_info), &value, out);
	if (error != 0)
		return (error);
	v = (int64_t)value + r->r_addend;
	switch (ELF64_R_TYPE(r->r_info)) {
	case R_X86_64_64:
		memcpy(where, &v, 8);
		return (0);
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		v -= (int64_t)where;
		break;
	case R_X86_64_32S:
		break;
	default:
		fprintf(out, "kldload: unexpected relocation type %u, symbol "
		    "index %u\n", (unsigned)ELF64_R_TYPE(r->r_info),
		    (unsigned)ELF64_R_SYM(r->r_info));
		return (FBSD_ENOEXEC);
	}
	if (v != (int32_t)v) {
		fprintf(out, "relocation out of range\n");
		return (FBSD_ENOEXEC);
	}
	memcpy(where, &v, 4);
	return (0);
}

static int
relocate(FILE *out)
{
	const Elf64_Rela *r;
	const Elf64_Shdr *sh;
	struct section *to;
	size_t n;
	unsigned i;
	int error;

	for (i = 0; i < im.nsections; i++) {
		sh = &im.headers[i];
		if (sh->sh_info >= im.nsections)
			continue;
		to = &im.sections[sh->sh_info];
		if (to->address == NULL)
			continue;
		if (sh->sh_type == SHT_REL) {
			fprintf(out, "relocations without addends\n");
			return (FBSD_ENOEXEC);
		}
		if (sh->sh_type != SHT_RELA)
			continue;
		r = (const Elf64_Rela *)(im.file + sh->sh_offset);
		for (n = sh->sh_size / sizeof(*r); n > 0; n--, r++) {
			if (r->r_offset + 4 > to->size) {
				fprintf(out, "relocation outside of %s\n",
				    to->name);
				return (FBSD_ENOEXEC);
			}
			error = relocate_one(r, to->address + r->r_offset,
			    out);
			if (error != 0)
				return (error);
		}
	}
	return (0);
}

static void
protect(void)
{
	unsigned i;
	int prot;

	for (i = 0; i < im.nsections; i++) {
		struct section *s = &im.sections[i];

		if (s->address == NULL)
			continue;
		prot = PROT_READ;
		if (s->flags & SHF_WRITE)
			prot |= PROT_WRITE;
		if (s->flags & SHF_EXECINSTR)
			prot |= PROT_EXEC;
		mprotect(s->address, (s->size + PAGE - 1) & ~(PAGE - 1), prot);
		mprotect(s->address + ((s->size + PAGE - 1) & ~(PAGE - 1)),
		    PAGE, PROT_NONE);
	}
}

/* struct mod_metadata of sys/module.h, which the module was compiled with. */
struct metadata {
	int		 version;
	int		 type;
	const int	*data;
	const char	*name;
};

static int
check_kernel_version(FILE *out)
{
	const struct metadata *md;
	void **set;
	unsigned long i, n;

	set = host_module_set("modmetadata_set", &n);
	if (n == 0) {
		fprintf(out, "no module metadata\n");
		return (FBSD_ENOEXEC);
	}
	for (i = 0; i < n; i++) {
		md = set[i];
		if (md->type != MDT_DEPEND || strcmp(md->name, "kernel") != 0)
			continue;
		if (md->data[0] <= KERNEL_VERSION &&
		    md->data[2] >= KERNEL_VERSION)
			return (0);
		fprintf(out, "depends on kernel - not available or version "
		    "mismatch (%d to %d, this is %d)\n", md->data[0],
		    md->data[2], KERNEL_VERSION);
		return (FBSD_ENOEXEC);
	}
	fprintf(out, "does not say which kernel it needs\n");
	return (FBSD_ENOEXEC);
}

int
loader_load(const char *path, FILE *out)
{
	int error;

	if ((error = read_file(path, out)) != 0 ||
	    (error = check_header(out)) != 0 ||
	    (error = place_sections(out)) != 0 ||
	    (error = find_symbols(out)) != 0 ||
	    (error = relocate(out)) != 0 ||
	    (error = check_kernel_version(out)) != 0) {
		loader_free();
		return (error);
	}
	protect();
	return (0);
}

void **
host_module_set(const char *set, unsigned long *count)
{
	char name[64];
	struct section *s;

	snprintf(name, sizeof(name), "set_%s", set);
	s = find_section(name);
	*count = s != NULL ? s->size / sizeof(void *) : 0;
	return (s != NULL ? (void **)s->address : NULL);
}

int
host_in_module(const void *address)
{

	return (im.base != NULL && (const char *)address >= im.base &&
	    (const char *)address < im.base + im.size);
}

void
host_where(const void *address, char *buf, unsigned long size)
{
	const Elf64_Sym *sym, *best = NULL;
	const char *a = address, *at, *best_at = NULL;
	unsigned i;

	if (!host_in_module(address)) {
		snprintf(buf, size, "%p", address);
		return;
	}
	for (i = 0; i < im.nsymbols; i++) {
		sym = &im.symbols[i];
		if (sym->st_shndx == SHN_UNDEF ||
		    sym->st_shndx >= im.nsections ||
		    im.sections[sym->st_shndx].address == NULL ||
		    ELF64_ST_TYPE(sym->st_info) == STT_SECTION ||
		    im.strings[sym->st_name] == '\0')
			continue;
		at = im.sections[sym->st_shndx].address + sym->st_value;
		if (at <= a && (best == NULL || at > best_at)) {
			best = sym;
			best_at = at;
		}
	}
	if (best == NULL)
		snprintf(buf, size, "%p", address);
	else
		snprintf(buf, size, "%s+%#tx", im.strings + best->st_name,
		    a - best_at);
}
