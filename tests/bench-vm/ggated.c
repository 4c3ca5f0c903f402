/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The server's side of ggate(8) for the bench, since only FreeBSD has one:
 *
 *	ggated <address> <file>
 *
 * A client opens two connections and tells the direction of each: requests
 * arrive on one, answers are sent on the other.  All numbers are big endian,
 * and nothing is padded.  Like FreeBSD's own server, this one sends the header
 * of an answer and its data in two calls.  It serves one request at a time,
 * since the file is in memory.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define	PORT		3080
#define	SECTOR		512
#define	TRANSFER_MAX	(1U << 20)
#define	WE_SEND		0x0004
#define	WE_RECEIVE	0x0008

enum { READ, WRITE, FLUSH = 3 };

struct hello {
	char		magic[16];
	uint16_t	version;
	uint16_t	error;
} __attribute__((packed));

struct wish {
	char		path[1025];
	uint64_t	flags;
	uint16_t	connections;
	uint32_t	token;
} __attribute__((packed));

struct grant {
	uint8_t		flags;
	uint64_t	size;
	uint32_t	sector;
	uint16_t	error;
} __attribute__((packed));

struct request {
	uint8_t		command;
	uint64_t	offset;
	uint32_t	length;
	uint64_t	number;
	uint16_t	error;
} __attribute__((packed));

static char data[TRANSFER_MAX];

static bool
get(int fd, void *to, size_t n)
{

	return (recv(fd, to, n, MSG_WAITALL) == (ssize_t)n);
}

static bool
put(int fd, const void *from, size_t n)
{
	const char *at = from;
	ssize_t sent;

	for (; n != 0; at += sent, n -= sent) {
		sent = send(fd, at, n, MSG_NOSIGNAL);
		if (sent == -1)
			return (false);
	}
	return (true);
}

/* Accepts every proposal; returns the connection's direction, or 0. */
static uint64_t
greet(int fd, uint64_t size)
{
	struct grant grant = { .size = htobe64(size),
	    .sector = htobe32(SECTOR) };
	struct hello hello;
	struct wish wish;
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!get(fd, &hello, sizeof(hello)) ||
	    !put(fd, &hello, sizeof(hello)) ||
	    !get(fd, &wish, sizeof(wish)) || !put(fd, &grant, sizeof(grant)))
		return (0);
	return (be64toh(wish.flags) & (WE_SEND | WE_RECEIVE));
}

static void
serve(int in, int out, int disk)
{
	struct request r;
	uint32_t length;
	off_t offset;
	bool good;

	while (get(in, &r, sizeof(r))) {
		length = r.command == FLUSH ? 0 : be32toh(r.length);
		offset = be64toh(r.offset);
		if (length > TRANSFER_MAX ||
		    (r.command == WRITE && !get(in, data, length)))
			return;
		good = true;
		if (r.command == READ)
			good = pread(disk, data, length, offset) == length;
		else if (r.command == WRITE)
			good = pwrite(disk, data, length, offset) == length;
		r.error = htobe16(good ? 0 : EIO);
		if (!put(out, &r, sizeof(r)) ||
		    (good && r.command == READ && !put(out, data, length)))
			return;
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
	    .sin_port = htons(PORT) };
	int listener, disk, fd, in = -1, out = -1, one = 1;
	struct stat st;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		errx(2, "usage: ggated address file");
	disk = open(argv[2], O_RDWR);
	if (disk == -1 || fstat(disk, &st) != 0)
		err(1, "%s", argv[2]);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (void *)&to, sizeof(to)) != 0 ||
	    listen(listener, 4) != 0)
		err(1, "%s", argv[1]);
	while ((fd = accept(listener, NULL, NULL)) != -1) {
		switch (greet(fd, st.st_size)) {
		case WE_SEND: out = fd; break;
		case WE_RECEIVE: in = fd; break;
		default: close(fd); continue;
		}
		if (in == -1 || out == -1)
			continue;
		serve(in, out, disk);
		close(in);
		close(out);
		in = out = -1;
	}
	err(1, "accept");
}
