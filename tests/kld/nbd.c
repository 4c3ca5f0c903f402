/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Serves disks as NBD on Unix sockets, fixed newstyle: so nbdcopy, fio,
 * qemu-img, or a file system over nbdfuse and a loop device can use them.
 * Requests are started as they arrive and answered as they complete.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define	NBD_MAGIC		0x4e42444d41474943ULL
#define	NBD_OPT_MAGIC		0x49484156454f5054ULL
#define	NBD_REPLY_MAGIC		0x0003e889045565a9ULL
#define	NBD_REQUEST_MAGIC	0x25609513U
#define	NBD_SIMPLE_REPLY	0x67446698U

#define	OPT_EXPORT_NAME		1
#define	OPT_ABORT		2
#define	OPT_LIST		3
#define	OPT_INFO		6
#define	OPT_GO			7
#define	REP_ACK			1
#define	REP_SERVER		2
#define	REP_INFO		3
#define	REP_ERR_UNSUP		0x80000001U
#define	REP_ERR_UNKNOWN		0x80000006U
#define	INFO_EXPORT		0
#define	INFO_BLOCK_SIZE		3

#define	FLAG_HAS_FLAGS		0x01
#define	FLAG_READ_ONLY		0x02
#define	FLAG_SEND_FLUSH		0x04
#define	FLAG_SEND_TRIM		0x20
#define	FLAG_SEND_ZEROES	0x40
#define	FLAG_MULTI_CONN		0x100

#define	CMD_READ		0
#define	CMD_WRITE		1
#define	CMD_DISC		2
#define	CMD_FLUSH		3
#define	CMD_TRIM		4
#define	CMD_ZEROES		6

#define	MAX_REQUEST		(32 << 20)
#define	IN_FLIGHT		256
#define	PIECE			(1 << 20)	/* zeroes in one write */

struct server {
	struct server	*next;
	char		 disk[32];
	char		 path[108];
	int		 fd;
	pthread_t	 thread;
};

struct conn {
	int		 fd;
	struct kpi_disk	*disk;
	char		 name[32];
	bool		 read_only;
	pthread_mutex_t	 lock;		/* one reply at a time */
	pthread_mutex_t	 count_lock;
	pthread_cond_t	 fewer;
	unsigned	 in_flight;
};

struct request {
	struct conn	*conn;
	uint64_t	 handle;
	uint32_t	 length;
	uint16_t	 type;
	void		*data;
	atomic_uint	 pieces;	/* I/Os that must end first */
	atomic_int	 error;
};

static struct server *servers;
static pthread_mutex_t servers_lock = PTHREAD_MUTEX_INITIALIZER;

static bool
get(int fd, void *buf, size_t len)
{
	char *p = buf;
	ssize_t n;

	while (len > 0) {
		n = recv(fd, p, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return (false);
		p += n;
		len -= (size_t)n;
	}
	return (true);
}

static bool
put(int fd, struct iovec *iov, int count)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)count };
	ssize_t n;

	while (msg.msg_iovlen > 0) {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return (false);
		while (msg.msg_iovlen > 0 &&
		    (size_t)n >= msg.msg_iov->iov_len) {
			n -= (ssize_t)msg.msg_iov->iov_len;
			msg.msg_iov++;
			msg.msg_iovlen--;
		}
		if (msg.msg_iovlen > 0) {
			msg.msg_iov->iov_base = (char *)msg.msg_iov->iov_base +
			    n;
			msg.msg_iov->iov_len -= (size_t)n;
		}
	}
	return (true);
}

static bool
put_bytes(int fd, const void *p, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)p, len };

	return (put(fd, &iov, 1));
}

static bool
option_reply(int fd, uint32_t option, uint32_t type, const void *data,
    uint32_t len)
{
	struct __attribute__((packed)) {
		uint64_t magic;
		uint32_t option, type, len;
	} h = { htobe64(NBD_REPLY_MAGIC), htobe32(option), htobe32(type),
	    htobe32(len) };

	return (put_bytes(fd, &h, sizeof(h)) && put_bytes(fd, data, len));
}

static bool
open_export(struct conn *c)
{
	int error;

	if (c->disk != NULL)
		return (true);
	error = kpi_disk_open(c->name, 1, &c->disk);
	if (error == 30) {	/* EROFS */
		c->read_only = true;
		error = kpi_disk_open(c->name, 0, &c->disk);
	}
	return (error == 0);
}

static uint16_t
export_flags(struct conn *c)
{
	uint16_t flags = FLAG_HAS_FLAGS | FLAG_MULTI_CONN | FLAG_SEND_ZEROES;
	int can_delete = 0, can_flush = 0;

	kpi_disk_flags(c->disk, &can_delete, &can_flush);
	if (c->read_only)
		flags |= FLAG_READ_ONLY;
	if (can_delete)
		flags |= FLAG_SEND_TRIM;
	if (can_flush)
		flags |= FLAG_SEND_FLUSH;
	return (flags);
}

static bool
option_go(struct conn *c, uint32_t option)
{
	struct __attribute__((packed)) {
		uint16_t type;
		uint64_t size;
		uint16_t flags;
	} e;
	struct __attribute__((packed)) {
		uint16_t type;
		uint32_t min, preferred, max;
	} b = { htobe16(INFO_BLOCK_SIZE), htobe32(512), htobe32(4096),
	    htobe32(MAX_REQUEST) };

	if (!open_export(c))
		return (option_reply(c->fd, option, REP_ERR_UNKNOWN, NULL, 0));
	e.type = htobe16(INFO_EXPORT);
	e.size = htobe64((uint64_t)kpi_disk_size(c->disk));
	e.flags = htobe16(export_flags(c));
	return (option_reply(c->fd, option, REP_INFO, &e, sizeof(e)) &&
	    option_reply(c->fd, option, REP_INFO, &b, sizeof(b)) &&
	    option_reply(c->fd, option, REP_ACK, NULL, 0));
}

static bool
option_list(struct conn *c)
{
	char entry[40];
	uint32_t n = (uint32_t)strlen(c->name), be = htobe32(n);

	memcpy(entry, &be, 4);
	memcpy(entry + 4, c->name, n);
	return (option_reply(c->fd, OPT_LIST, REP_SERVER, entry, 4 + n) &&
	    option_reply(c->fd, OPT_LIST, REP_ACK, NULL, 0));
}

static bool
export_name(struct conn *c, bool zeroes)
{
	struct __attribute__((packed)) {
		uint64_t size;
		uint16_t flags;
		char	 zeroes[124];
	} r;

	if (!open_export(c))
		return (false);
	memset(&r, 0, sizeof(r));
	r.size = htobe64((uint64_t)kpi_disk_size(c->disk));
	r.flags = htobe16(export_flags(c));
	return (put_bytes(c->fd, &r, zeroes ? sizeof(r) : 10));
}

static bool
negotiate(struct conn *c)
{
	struct __attribute__((packed)) {
		uint64_t magic, option;
		uint16_t flags;
	} hello = { htobe64(NBD_MAGIC), htobe64(NBD_OPT_MAGIC), htobe16(3) };
	struct __attribute__((packed)) {
		uint64_t magic;
		uint32_t option, len;
	} h;
	uint32_t client, option, len;
	char data[4096];

	if (!put_bytes(c->fd, &hello, sizeof(hello)) ||
	    !get(c->fd, &client, sizeof(client)))
		return (false);
	for (;;) {
		if (!get(c->fd, &h, sizeof(h)) ||
		    be64toh(h.magic) != NBD_OPT_MAGIC)
			return (false);
		option = be32toh(h.option);
		len = be32toh(h.len);
		if (len > sizeof(data) || !get(c->fd, data, len))
			return (false);
		switch (option) {
		case OPT_EXPORT_NAME:
			return (export_name(c, (be32toh(client) & 2) == 0));
		case OPT_INFO:
		case OPT_GO:
			if (!option_go(c, option))
				return (false);
			if (option == OPT_GO && c->disk != NULL)
				return (true);
			break;
		case OPT_LIST:
			if (!option_list(c))
				return (false);
			break;
		case OPT_ABORT:
			option_reply(c->fd, option, REP_ACK, NULL, 0);
			return (false);
		default:
			if (!option_reply(c->fd, option, REP_ERR_UNSUP, NULL,
			    0))
				return (false);
			break;
		}
	}
}

static void
done(void *arg, int error)
{
	struct request *r = arg;
	struct conn *c = r->conn;
	struct __attribute__((packed)) {
		uint32_t magic, error;
		uint64_t handle;
	} h = { htobe32(NBD_SIMPLE_REPLY), 0, r->handle };
	struct iovec iov[2] = { { &h, sizeof(h) }, { r->data, r->length } };

	if (error != 0)
		atomic_store(&r->error, error);
	if (atomic_fetch_sub(&r->pieces, 1) > 1)
		return;
	error = atomic_load(&r->error);
	h.error = htobe32((uint32_t)errno_linux(error));
	pthread_mutex_lock(&c->lock);
	/* If the client has left, this fails and the request ends anyway. */
	put(c->fd, iov, error == 0 && r->type == CMD_READ ? 2 : 1);
	pthread_mutex_unlock(&c->lock);
	free(r->data);
	free(r);
	pthread_mutex_lock(&c->count_lock);
	c->in_flight--;
	pthread_cond_broadcast(&c->fewer);
	pthread_mutex_unlock(&c->count_lock);
}

static void
wait_below(struct conn *c, unsigned limit)
{

	pthread_mutex_lock(&c->count_lock);
	while (c->in_flight >= limit)
		pthread_cond_wait(&c->fewer, &c->count_lock);
	pthread_mutex_unlock(&c->count_lock);
}

/*
 * One of the writes of a CMD_ZEROES request.  Each has a buffer of its own,
 * since a write's buffer is overwritten when it completes (kpi_bio.c).
 */
struct piece {
	struct request	*request;
	void		*data;
};

static void
piece_done(void *arg, int error)
{
	struct piece *p = arg;
	struct request *r = p->request;

	free(p->data);
	free(p);
	done(r, error);
}

static void
zeroes(struct conn *c, struct request *r, long offset)
{
	uint32_t left = r->length, n;
	struct piece *p;

	atomic_store(&r->pieces, (left + PIECE - 1) / PIECE + 1);
	for (; left > 0; left -= n, offset += n) {
		n = left < PIECE ? left : PIECE;
		p = host_alloc(sizeof(*p));
		p->request = r;
		p->data = host_alloc(n);
		kpi_disk_io(c->disk, KPI_WRITE, offset, n, p->data, piece_done,
		    p);
	}
	done(r, 0);
}

/* Allocates a request's buffer, gets a write's data; false if that fails. */
static bool
request_data(struct conn *c, struct request *r)
{

	if (r->type != CMD_READ && r->type != CMD_WRITE)
		return (true);
	r->data = aligned_alloc(4096, (r->length + 8191UL) & ~4095UL);
	if (r->type == CMD_WRITE)
		return (get(c->fd, r->data, r->length));
	/* A part that the read does not fill must not look like data. */
	memset(r->data, 0xa5, r->length);
	return (true);
}

static bool
known(uint16_t type)
{

	return (type == CMD_READ || type == CMD_WRITE || type == CMD_FLUSH ||
	    type == CMD_TRIM || type == CMD_ZEROES);
}

static bool
one_request(struct conn *c)
{
	struct __attribute__((packed)) {
		uint32_t magic;
		uint16_t flags, type;
		uint64_t handle, offset;
		uint32_t length;
	} h;
	static const int op[] = { [CMD_READ] = KPI_READ,
	    [CMD_WRITE] = KPI_WRITE, [CMD_FLUSH] = KPI_FLUSH,
	    [CMD_TRIM] = KPI_DELETE };
	struct request *r;

	if (!get(c->fd, &h, sizeof(h)) ||
	    be32toh(h.magic) != NBD_REQUEST_MAGIC)
		return (false);
	r = host_alloc(sizeof(*r));
	r->conn = c;
	r->handle = h.handle;
	r->type = be16toh(h.type);
	r->length = be32toh(h.length);
	r->pieces = 1;
	if (!known(r->type) || ((r->type == CMD_READ ||
	    r->type == CMD_WRITE) && r->length > MAX_REQUEST) ||
	    !request_data(c, r)) {
		free(r->data);
		free(r);
		return (false);
	}
	wait_below(c, IN_FLIGHT);
	pthread_mutex_lock(&c->count_lock);
	c->in_flight++;
	pthread_mutex_unlock(&c->count_lock);
	if (r->type == CMD_ZEROES)
		zeroes(c, r, (long)be64toh(h.offset));
	else
		kpi_disk_io(c->disk, op[r->type], (long)be64toh(h.offset),
		    r->length, r->data, done, r);
	return (true);
}

static void *
conn_main(void *arg)
{
	struct conn *c = arg;

	kpi_thread_enter("nbd");
	if (negotiate(c))
		while (one_request(c))
			;
	wait_below(c, 1);
	if (c->disk != NULL)
		kpi_disk_close(c->disk);
	close(c->fd);
	kpi_thread_leave();
	free(c);
	return (NULL);
}

static void *
server_main(void *arg)
{
	struct server *s = arg;
	struct conn *c;
	pthread_t t;
	int fd;

	while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		c = host_alloc(sizeof(*c));
		c->fd = fd;
		snprintf(c->name, sizeof(c->name), "%s", s->disk);
		pthread_mutex_init(&c->lock, NULL);
		pthread_mutex_init(&c->count_lock, NULL);
		pthread_cond_init(&c->fewer, NULL);
		if (pthread_create(&t, NULL, conn_main, c) != 0)
			host_panic("no thread to be had");
		pthread_detach(t);
	}
	return (NULL);
}

int
nbd_serve(const char *disk, const char *path, FILE *out)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct server *s = host_alloc(sizeof(*s));

	snprintf(s->disk, sizeof(s->disk), "%s", disk);
	snprintf(s->path, sizeof(s->path), "%s", path);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	unlink(path);
	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->fd, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    listen(s->fd, 16) != 0) {
		fprintf(out, "%s: %s\n", path, strerror(errno));
		close(s->fd);
		free(s);
		return (FBSD_EINVAL);
	}
	pthread_mutex_lock(&servers_lock);
	s->next = servers;
	servers = s;
	pthread_mutex_unlock(&servers_lock);
	if (pthread_create(&s->thread, NULL, server_main, s) != 0)
		host_panic("no thread to be had");
	return (0);
}

void
nbd_stop_all(void)
{
	struct server *s;

	pthread_mutex_lock(&servers_lock);
	while ((s = servers) != NULL) {
		servers = s->next;
		shutdown(s->fd, SHUT_RDWR);
		close(s->fd);
		pthread_join(s->thread, NULL);
		unlink(s->path);
		free(s);
	}
	pthread_mutex_unlock(&servers_lock);
}
