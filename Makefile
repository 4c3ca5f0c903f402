# What `make` does on FreeBSD 14 and later; GNU make reads GNUmakefile instead.
#
#	make			build aoe.ko against the kernel sources in SYSDIR
#	make install		install it, rc.d/aoe and the manual page
#	make load, make unload	load or unload what was built
#	make deinstall		remove what was installed
#	make clean
#
#	SYSDIR			kernel sources (/usr/src/sys)
#	KMODDIR, PREFIX		where it goes (/boot/modules, /usr/local)
#	RUSTC, CARGO		the Rust to use (found)
#	AOE_PANIC_CHECK=warn	build although this Rust left a reachable panic
#	WITHOUT_SDT=yes		for a kernel without options KDTRACE_HOOKS

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
.error There are no kernel sources in ${SYSDIR}: unpack the src.txz of this release there, or set SYSDIR
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
.error This driver is made for amd64 and arm64, not for ${MACHINE_ARCH}
.endif

AOE_VERSION!=	sed -n 's/^version = "\(.*\)"$$/\1/p' ${.CURDIR}/Cargo.toml
SHIM!=		cd ${.CURDIR}/kmod-shim && echo *.c
CORE!=		cd ${.CURDIR} && find src -name '*.rs'

.PATH: ${.CURDIR}/kmod-shim

SRCS=		${SHIM}
CFLAGS+=	-I${.CURDIR}/kmod-shim -DAOE_VERSION='"${AOE_VERSION}"'
.if !defined(WITHOUT_SDT) && !defined(KERNBUILDDIR)
# In GENERIC, but not in the opt_global.h of a build outside the tree.
CFLAGS+=	-DKDTRACE_HOOKS
.endif
LDSCRIPT_FLAGS=	-T ${.CURDIR}/kmod-shim/aoe.ld

# One object, first in line so that a missing Rust is said before all else.
OBJS=		aoe_core.o
aoe_core.o: ${CORE:S|^|${.CURDIR}/|} ${.CURDIR}/Cargo.toml ${.CURDIR}/tools/core
	sh ${.CURDIR}/tools/core ${AOE_ARCH} ${.TARGET} ${.OBJDIR}/aoe_core.build

all: aoe.gate
aoe.gate: ${KMOD}.ko ${.CURDIR}/tools/gate ${.CURDIR}/tools/symbols.list
	AOE_IMPORT_CHECK=warn AOE_PANIC_CHECK=${AOE_PANIC_CHECK:Uerror} \
	    AOE_WITHOUT_SDT=${WITHOUT_SDT} sh ${.CURDIR}/tools/gate \
	    ${KERNEL_VERSION} ${AOE_ARCH} ${KMOD}.ko aoe_core.o
	@touch ${.TARGET}

CLEANFILES+=	aoe.gate aoe_core.o.rust
CLEANDIRS+=	aoe_core.build

afterinstall: install-files
install-files: .PHONY
	mkdir -p ${DESTDIR}${PREFIX}/etc/devd ${DESTDIR}${PREFIX}/share/aoe
	${INSTALL} -m 444 ${.CURDIR}/devd/aoe.conf \
	    ${DESTDIR}${PREFIX}/etc/devd/aoe.conf
	${INSTALL} -m 555 ${.CURDIR}/dtrace/*.d ${DESTDIR}${PREFIX}/share/aoe
	mkdir -p ${DESTDIR}${PREFIX}/etc/rc.d ${DESTDIR}${PREFIX}/share/man/man4
	${INSTALL} -m 555 ${.CURDIR}/rc.d/aoe ${DESTDIR}${PREFIX}/etc/rc.d/aoe
	${INSTALL} -m 444 ${.CURDIR}/man/aoe.4 \
	    ${DESTDIR}${PREFIX}/share/man/man4/aoe.4

beforeinstall: install-directory
install-directory: .PHONY
	mkdir -p ${DESTDIR}${KMODDIR}

deinstall: .PHONY
	rm -f ${DESTDIR}${KMODDIR}/${KMOD}.ko ${DESTDIR}${PREFIX}/etc/rc.d/aoe \
	    ${DESTDIR}${PREFIX}/share/man/man4/aoe.4* \
	    ${DESTDIR}${PREFIX}/etc/devd/aoe.conf \
	    ${DESTDIR}${PREFIX}/share/aoe/aoe-*.d
	-${KLDXREF_CMD:Ukldxref} ${DESTDIR}${KMODDIR}

.include <bsd.kmod.mk>
