/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Declarations shared by the files of the fuzz target.
 */
#ifndef _KLD_FUZZ_H_
#define	_KLD_FUZZ_H_

#include "kld.h"

/* fuzz_run.c: the order in which threads run, and time. */
void	fuzz_run_boot(void);
void	fuzz_begin(unsigned long seed);
void	fuzz_end(void);
void	fuzz_alone(bool);

/* The rest of the input; reads past its end return 0. */
struct input {
	const unsigned char	*at, *end;
};

static inline unsigned
u8(struct input *in)
{

	return (in->at < in->end ? *in->at++ : 0);
}

static inline unsigned
u16(struct input *in)
{
	unsigned high = u8(in);

	return (high << 8 | u8(in));
}

/* fuzz_wire.c: interfaces, the targets at their other end, and frames. */
#define	LINKS		3
void	fuzz_links_attach(void);
void	fuzz_links_detach(void);
void	fuzz_serve_all(void);
void	fuzz_serve(struct input *);
void	fuzz_frame(struct input *);
void	fuzz_link(struct input *);
void	fuzz_target(struct input *);
void	fuzz_stop(bool);	/* after a panic: answers arrive at once */

/* fuzz_user.c: the module's users. */
void	fuzz_users_boot(void);
void	fuzz_users_idle(void);
void	fuzz_sysctl(struct input *);
void	fuzz_sysctl_read(void);
void	fuzz_ioctl(struct input *);
void	fuzz_open(struct input *);
void	fuzz_io(struct input *);
void	fuzz_dump(struct input *);
/* Closes every disk; no I/O may be outstanding. */
void	fuzz_close_all(void);
#endif /* _KLD_FUZZ_H_ */
