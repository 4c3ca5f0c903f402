/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The interface between ioload.c and ioload_aio.c, which differs by system.
 */
struct io {
	char		*io_buffer;
	uint64_t	io_offset;
	bool		io_is_write;
};

struct load {
	const char	*l_mode;	/* random or sequential, read or write */
	size_t		l_size;
	unsigned	l_depth;
	uint64_t	l_span;		/* used bytes of the disk */
	int		l_fd;
};

extern struct load load;

/* Asynchronous I/O: begin once, start some, wait for one of them. */
void		aio_begin(void);
void		aio_start(struct io *);
struct io	*aio_wait(ssize_t *result);
