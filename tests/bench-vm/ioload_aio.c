/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Asynchronous I/O with each system's own interface: a function that starts an
 * I/O, and one that waits for any.
 */
#define _GNU_SOURCE
#include <sys/types.h>

#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ioload.h"

#ifdef __FreeBSD__
#include <aio.h>
#include <errno.h>

void
aio_begin(void)
{
}

void
aio_start(struct io *io)
{
	struct aiocb *cb;

	cb = calloc(1, sizeof(*cb));
	cb->aio_fildes = load.l_fd;
	cb->aio_buf = io->io_buffer;
	cb->aio_nbytes = load.l_size;
	cb->aio_offset = io->io_offset;
	cb->aio_sigevent.sigev_notify = SIGEV_NONE;
	cb->aio_sigevent.sigev_value.sival_ptr = io;
	if ((io->io_is_write ? aio_write(cb) : aio_read(cb)) != 0)
		err(1, "aio");
}

struct io *
aio_wait(ssize_t *result)
{
	struct aiocb *cb;
	struct io *io;

	*result = aio_waitcomplete(&cb, NULL);
	if (cb == NULL)
		err(1, "aio_waitcomplete");
	io = cb->aio_sigevent.sigev_value.sival_ptr;
	free(cb);
	return (io);
}
#else
#include <sys/syscall.h>
#include <linux/aio_abi.h>

static aio_context_t context;

void
aio_begin(void)
{

	if (syscall(SYS_io_setup, load.l_depth, &context) != 0)
		err(1, "io_setup");
}

void
aio_start(struct io *io)
{
	struct iocb cb, *list = &cb;

	memset(&cb, 0, sizeof(cb));
	cb.aio_fildes = load.l_fd;
	cb.aio_lio_opcode = io->io_is_write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
	cb.aio_buf = (uintptr_t)io->io_buffer;
	cb.aio_nbytes = load.l_size;
	cb.aio_offset = io->io_offset;
	cb.aio_data = (uintptr_t)io;
	if (syscall(SYS_io_submit, context, 1L, &list) != 1)
		err(1, "io_submit");
}

struct io *
aio_wait(ssize_t *result)
{
	struct io_event event;

	if (syscall(SYS_io_getevents, context, 1L, 1L, &event, NULL) != 1)
		err(1, "io_getevents");
	*result = event.res;
	return ((struct io *)(uintptr_t)event.data);
}
#endif
