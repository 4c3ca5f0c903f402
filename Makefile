# SPDX-License-Identifier: BSD-2-Clause
# For make on FreeBSD 14 and later; GNU make reads GNUmakefile instead.
#
#	make			build aoe.ko against the kernel sources in SYSDIR,
#				and aoectl
#	make install		install them, rc.d/aoe, manual pages, completions
#				and the header of /dev/aoectl
#	make load, make unload	load or unload the module built here
#	make deinstall		remove the installed files
#	make clean
#
#	SYSDIR			kernel sources (/usr/src/sys)
#	KMODDIR, PREFIX		where to install (/boot/modules, /usr/local)
#	RUSTC, CARGO		the Rust to use (searched for)
#	AOE_PANIC_CHECK=warn	build even if this Rust leaves a reachable panic
#	WITHOUT_SDT=yes		for a kernel without options KDTRACE_HOOKS
#	TOOL_TARGET		architecture of aoectl: native, amd64 or arm64

KMOD=		aoe
KMODDIR?=	/boot/modules
PREFIX?=	/usr/local

.if !defined(SYSDIR)
.for _dir in /usr/src/sys /sys
.if !defined(SYSDIR) && exists(${_dir}/conf/kmod.mk)
SYSDIR=		${_dir}
.endif
.endfor
.endif
SYSDIR?=	/usr/src/sys

.if !exists(${SYSDIR}/conf/kmod.mk) || !exists(${SYSDIR}/sys/param.h)
.error There are no kernel sources in ${SYSDIR}: unpack the src.txz of this release in /, or set SYSDIR
.endif

KERNEL_VERSION!= awk '/^\#define[[:space:]]+__FreeBSD_version/ { print $$3 }' \
		${SYSDIR}/sys/param.h
.if empty(KERNEL_VERSION) || ${KERNEL_VERSION} < 1400000
.error The kernel sources in ${SYSDIR} are older than FreeBSD 14.0 (${KERNEL_VERSION}): this driver needs 14.0 or later
.endif

.if ${MACHINE_ARCH} == "amd64"
AOE_ARCH=	amd64
.elif ${MACHINE_ARCH} == "aarch64"
AOE_ARCH=	arm64
.else
.error This driver supports amd64 and arm64, not ${MACHINE_ARCH}
.endif

AOE_VERSION!=	sed -n 's/^version = "\(.*\)"$$/\1/p' ${.CURDIR}/Cargo.toml
SHIM!=		cd ${.CURDIR}/kmod-shim && echo *.c
CORE!=		cd ${.CURDIR} && find src -name '*.rs'

.PATH: ${.CURDIR}/kmod-shim

SRCS=		${SHIM}
CFLAGS+=	-I${.CURDIR}/kmod-shim -DAOE_VERSION='"${AOE_VERSION}"'
.if !defined(WITHOUT_SDT) && !defined(KERNBUILDDIR)
# KDTRACE_HOOKS is in GENERIC, but not in the opt_global.h of a build outside
# the kernel's tree.
CFLAGS+=	-DKDTRACE_HOOKS
.endif
LDSCRIPT_FLAGS=	-T ${.CURDIR}/kmod-shim/aoe.ld

# The first object, so that a missing Rust is reported before C is compiled.
OBJS=		aoe_core.o
aoe_core.o: ${CORE:S|^|${.CURDIR}/|} ${.CURDIR}/Cargo.toml ${.CURDIR}/tools/core \
    ${.CURDIR}/tools/rust.sh
	sh ${.CURDIR}/tools/core ${AOE_ARCH} ${.TARGET} ${.OBJDIR}/aoe_core.build

all: aoe.gate
aoe.gate: ${KMOD}.ko ${.CURDIR}/tools/gate ${.CURDIR}/tools/symbols.list
	AOE_IMPORT_CHECK=warn AOE_PANIC_CHECK=${AOE_PANIC_CHECK:Uerror} \
	    AOE_WITHOUT_SDT=${WITHOUT_SDT} sh ${.CURDIR}/tools/gate \
	    ${KERNEL_VERSION} ${AOE_ARCH} ${KMOD}.ko aoe_core.o
	@touch ${.TARGET}

CLEANFILES+=	aoe.gate aoe_core.o.rust aoectl.out
CLEANDIRS+=	aoe_core.build aoectl.build

# aoectl is a program, and bsd.kmod.mk can build only the module.
TOOL!=		cd ${.CURDIR} && find aoectl/src -name '*.rs'
all: aoectl.out
aoectl.out: ${CORE:S|^|${.CURDIR}/|} ${TOOL:S|^|${.CURDIR}/|} \
    ${.CURDIR}/aoectl/Cargo.toml ${.CURDIR}/aoectl/Cargo.lock \
    ${.CURDIR}/tools/aoectl ${.CURDIR}/tools/rust.sh
	sh ${.CURDIR}/tools/aoectl ${TOOL_TARGET:Unative} ${.TARGET} \
	    ${.OBJDIR}/aoectl.build

# The files installed under PREFIX, except the tool: mode, source, destination.
DTRACE!=	cd ${.CURDIR}/dtrace && echo *.d
FILES_INSTALLED= \
	555 rc.d/aoe etc/rc.d/aoe \
	444 devd/aoe.conf etc/devd/aoe.conf \
	444 man/aoe.4 share/man/man4/aoe.4 \
	444 man/aoectl.8 share/man/man8/aoectl.8 \
	444 kmod-shim/aoe_abi.h include/aoe/aoe_abi.h \
	444 kmod-shim/aoe_ioctl.h include/aoe/aoe_ioctl.h \
	444 aoectl/completions/aoectl.bash share/bash-completion/completions/aoectl \
	444 aoectl/completions/_aoectl share/zsh/site-functions/_aoectl \
	${DTRACE:@_d@555 dtrace/${_d} share/aoe/${_d}@}

afterinstall: install-files
install-files: .PHONY
.for _mode _from _to in ${FILES_INSTALLED}
	mkdir -p ${DESTDIR}${PREFIX}/${_to:H}
	${INSTALL} -m ${_mode} ${.CURDIR}/${_from} ${DESTDIR}${PREFIX}/${_to}
.endfor
	mkdir -p ${DESTDIR}${PREFIX}/sbin
	${INSTALL} -m 555 ${.OBJDIR}/aoectl.out ${DESTDIR}${PREFIX}/sbin/aoectl

beforeinstall: install-directory
install-directory: .PHONY
	mkdir -p ${DESTDIR}${KMODDIR}

deinstall: .PHONY
	rm -f ${DESTDIR}${KMODDIR}/${KMOD}.ko ${DESTDIR}${PREFIX}/sbin/aoectl
.for _mode _from _to in ${FILES_INSTALLED}
	rm -f ${DESTDIR}${PREFIX}/${_to} ${DESTDIR}${PREFIX}/${_to}.gz
.endfor
	-${KLDXREF_CMD:Ukldxref} ${DESTDIR}${KMODDIR}

.include <bsd.kmod.mk>
