/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * FreeBSD's encoding of ioctl requests, for programs that talk to kld.
 */
#ifndef _KLD_IOCCOM_H_
#define	_KLD_IOCCOM_H_

#define	KLD_IOC(inout, group, num, len)					\
	((unsigned long)((inout) | ((unsigned long)(len) & 0x1fff) << 16 | \
	    (unsigned long)(group) << 8 | (num)))
#define	_IO(g, n)	KLD_IOC(0x20000000UL, (g), (n), 0)
#define	_IOR(g, n, t)	KLD_IOC(0x40000000UL, (g), (n), sizeof(t))
#define	_IOW(g, n, t)	KLD_IOC(0x80000000UL, (g), (n), sizeof(t))
#define	_IOWR(g, n, t)	KLD_IOC(0xc0000000UL, (g), (n), sizeof(t))
#define	KLD_IOC_SIZE(request)	((request) >> 16 & 0x1fff)
#endif /* _KLD_IOCCOM_H_ */
