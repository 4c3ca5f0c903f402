/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * A target in memory, as shared by the target*.c files.
 */
#ifndef _KLD_TARGET_H_
#define	_KLD_TARGET_H_

#include "kld.h"

#define	SECTOR		512
#define	ATA_HEADER	36
#define	CONFIG_HEADER	32
#define	HOSTS_MAX	8
#define	WORDS_MAX	16

struct target {
	struct target	*next;
	unsigned	 shelf, slot;
	unsigned char	*bytes;
	long		 size;
	unsigned	 bufcnt, scnt;
	bool		 mute;		/* answers nothing */
	bool		 read_only;
	bool		 hold_writes;	/* executes writes, answers none */
	bool		 deaf;		/* answers no reads, as in spin-up */
	unsigned	 lose;		/* every n-th answer is lost; 0: none */
	unsigned	 drop;		/* every n-th request; 0: none */
	unsigned long	 asked;		/* requests counted for `drop` */
	struct work	*work;		/* worker threads, or NULL */
	unsigned long	 answered;	/* answers counted for `lose` */
	unsigned char	 mac[6];
	char		 serial[21], model[41];
	char		 config[1024];
	unsigned	 config_len;
	bool		 optional;	/* has MAC mask and reserve commands */
	bool		 silent;	/* does not answer those commands */
	unsigned	 smart;		/* 0 none, 1 healthy, 2 failing */
	unsigned	 maxlen;	/* longer requests are lost; 0: none */
	unsigned	 sector;	/* logical sector, bytes; 0: 512 */
	bool		 sizeless;	/* reports no sectors */
	bool		 group;		/* answers from a group address */
	bool		 no_ata;	/* answers no ATA command */
	unsigned	 nwords;	/* overridden words of IDENTIFY */
	unsigned short	 words[WORDS_MAX][2];	/* number, value */
	unsigned	 nmask, nreserved;
	unsigned char	 mask[HOSTS_MAX][6], reserved[HOSTS_MAX][6];
};

static inline void
put16(unsigned char *p, unsigned v)
{

	p[0] = (unsigned char)(v >> 8);
	p[1] = (unsigned char)v;
}

static inline unsigned
get16(const unsigned char *p)
{

	return ((unsigned)p[0] << 8 | p[1]);
}

/* target_manage.c; a size_t is the length of the answer, 0 for none. */
unsigned max_sectors(const struct target *, unsigned mtu);
size_t	target_config(struct target *, const unsigned char *in, size_t len,
	    unsigned mtu, unsigned char *out);
size_t	target_mask(struct target *, const unsigned char *in, size_t len,
	    unsigned char *out);
size_t	target_reserve(struct target *, const unsigned char *in, size_t len,
	    unsigned char *out);
size_t	target_smart(const struct target *, const unsigned char *in,
	    unsigned char *out);
/* Whether the sender is in the mask, or reserved, or that list is empty. */
bool	target_listens(const struct target *, const unsigned char *in);
bool	target_admits(const struct target *, const unsigned char *in);

/* target.c: carries out a request and answers it. */
void	target_answer(struct target *, const unsigned char *in, size_t len,
	    unsigned mtu, target_reply_t *, void *cookie);

/* target_work.c */
bool	target_work_set(struct target *, unsigned workers, unsigned spread);
bool	target_work_take(struct target *, const unsigned char *in, size_t len,
	    unsigned mtu, target_reply_t *, void *cookie);
void	target_work_end(struct target *);
#endif /* _KLD_TARGET_H_ */
