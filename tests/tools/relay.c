/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * relay: joins two Ethernet interfaces and injects faults into the traffic.
 *
 * Every frame that arrives on one interface leaves on the other, unless a
 * fault prevents it.  Faults are drawn from a seeded generator, so a run can
 * be repeated as far as its traffic is the same.  Settings can be changed
 * while it runs, by lines written to the control FIFO.
 */
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define	FRAME_MAX	65600
#define	HELD_MAX	65536		/* frames held back at once */
#define	REORDER_NS	500000		/* least delay of a reordered frame */
#define	TAG_LEN		4

#ifndef PACKET_IGNORE_OUTGOING
#define	PACKET_IGNORE_OUTGOING	23
#endif

/*
 * An interface.  Faults are counted where a frame arrives, `sent` and `refused`
 * where it leaves.
 */
struct side {
	const char	*name;
	int		 fd;
	uint64_t	 received;
	uint64_t	 sent;
	uint64_t	 lost;		/* by -l */
	uint64_t	 duplicated;
	uint64_t	 reordered;
	uint64_t	 too_long;	/* by -m */
	uint64_t	 blocked;	/* by "cut" */
	uint64_t	 refused;	/* could be neither sent nor held */
};

struct settings {
	double		 loss;		/* per cent */
	double		 dup;
	double		 reorder;
	double		 delay_ms;
	long		 maxlen;	/* of a frame, in bytes; 0: no limit */
	long		 vid;		/* tag pushed towards B; 0: none */
	long		 cut;		/* 0 none, 1 both ways, 2 A to B, 3 B to A */
};

/* A frame that leaves later; `order` keeps equal times first in, first out. */
struct held {
	uint64_t	 due;
	uint64_t	 order;
	struct side	*to;
	size_t		 length;
	unsigned char	*bytes;
};

static struct settings	set;
static struct side	side[2];
static struct held	heap[HELD_MAX];
static size_t		nheld;
static uint64_t		order;
static uint64_t		rng;
static volatile sig_atomic_t stop;

static void
usage(FILE *to)
{

	fprintf(to,
"usage: relay [-h] [-l loss%%] [-d dup%%] [-r reorder%%] [-D delay_ms] [-s seed]\n"
"             [-m maxlen] [-v vid] [-c fifo] ifA ifB\n"
"Joins two interfaces, both ways, with faults:\n"
"  -l  loses that share of the frames          -d  sends that share twice\n"
"  -r  lets that share be overtaken            -D  holds every frame back\n"
"  -m  swallows longer frames (Ethernet header counts, FCS does not)\n"
"  -v  pushes a VLAN tag towards ifB and takes it off again towards ifA;\n"
"      frames from ifB without that tag are swallowed\n"
"  -c  makes a FIFO and obeys the lines written to it:\n"
"        loss|dup|reorder|delay|maxlen|vid NUMBER   as the options\n"
"        cut none|both|ab|ba                        carry nothing (one way)\n"
"        stats                                      counters to stdout\n"
"        quit\n"
"It says \"relay: running\" once both interfaces are open, and its counters\n"
"when it ends.\n");
}

/* splitmix64: its state is one word; good enough to draw faults from. */
static uint64_t
draw(void)
{
	uint64_t z;

	z = (rng += 0x9e3779b97f4a7c15ULL);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31));
}

static bool
happens(double percent)
{

	return ((double)(draw() >> 11) * 0x1p-53 * 100.0 < percent);
}

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
}

static int
open_side(const char *name)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL) };
	struct packet_mreq mreq = { .mr_type = PACKET_MR_PROMISC };
	int fd, one = 1, bytes = 16 << 20;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "packet socket");
	sll.sll_ifindex = (int)if_nametoindex(name);
	if (sll.sll_ifindex == 0)
		err(1, "%s", name);
	mreq.mr_ifindex = sll.sll_ifindex;
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
	    sizeof(one)) != 0)
		err(1, "%s: PACKET_IGNORE_OUTGOING", name);
	if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one,
	    sizeof(one)) != 0)
		err(1, "%s: PACKET_AUXDATA", name);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes,
	    sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
	    sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	if (bind(fd, (struct sockaddr *)&sll, sizeof(sll)) != 0)
		err(1, "%s: bind", name);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq,
	    sizeof(mreq)) != 0)
		err(1, "%s: promiscuous mode", name);
	return (fd);
}

/*
 * The kernel takes a VLAN tag out of a received frame and hands it over in
 * ancillary data; this puts it back where it was on the wire.
 */
static size_t
restore_tag(struct msghdr *msg, unsigned char *bytes, size_t length)
{
	struct cmsghdr *c;
	struct tpacket_auxdata aux;
	uint16_t tpid;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_PACKET ||
		    c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0 || length < 12)
			return (length);
		tpid = (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ?
		    aux.tp_vlan_tpid : ETH_P_8021Q;
		memmove(bytes + 12 + TAG_LEN, bytes + 12, length - 12);
		bytes[12] = (unsigned char)(tpid >> 8);
		bytes[13] = (unsigned char)tpid;
		bytes[14] = (unsigned char)(aux.tp_vlan_tci >> 8);
		bytes[15] = (unsigned char)aux.tp_vlan_tci;
		return (length + TAG_LEN);
	}
	return (length);
}

/* Returns the new length, or 0 for a frame of another VLAN than set.vid. */
static size_t
retag(bool towards_b, unsigned char *bytes, size_t length)
{

	if (set.vid == 0)
		return (length);
	if (towards_b) {
		memmove(bytes + 12 + TAG_LEN, bytes + 12, length - 12);
		bytes[12] = ETH_P_8021Q >> 8;
		bytes[13] = ETH_P_8021Q & 0xff;
		bytes[14] = (unsigned char)(set.vid >> 8);
		bytes[15] = (unsigned char)set.vid;
		return (length + TAG_LEN);
	}
	if (length < 14 + TAG_LEN || bytes[12] != ETH_P_8021Q >> 8 ||
	    bytes[13] != (ETH_P_8021Q & 0xff) ||
	    (((bytes[14] & 0x0f) << 8) | bytes[15]) != set.vid)
		return (0);
	memmove(bytes + 12, bytes + 12 + TAG_LEN, length - 12 - TAG_LEN);
	return (length - TAG_LEN);
}

static void
transmit(struct side *to, const unsigned char *bytes, size_t length)
{
	int tries;

	/* A full queue drains in microseconds; a network that is down never. */
	for (tries = 0; tries < 50; tries++) {
		if (send(to->fd, bytes, length, 0) == (ssize_t)length) {
			to->sent++;
			return;
		}
		if (errno != ENOBUFS && errno != EAGAIN)
			break;
		usleep(100);
	}
	to->refused++;
}

static bool
before(const struct held *a, const struct held *b)
{

	return (a->due != b->due ? a->due < b->due : a->order < b->order);
}

static void
hold(struct side *to, const unsigned char *bytes, size_t length, uint64_t due)
{
	struct held h = { .due = due, .order = order++, .to = to,
	    .length = length };
	size_t i, parent;

	if (nheld == HELD_MAX || (h.bytes = malloc(length)) == NULL) {
		to->refused++;
		return;
	}
	memcpy(h.bytes, bytes, length);
	for (i = nheld++; i > 0; i = parent) {
		parent = (i - 1) / 2;
		if (!before(&h, &heap[parent]))
			break;
		heap[i] = heap[parent];
	}
	heap[i] = h;
}

static void
release_due(uint64_t now)
{
	struct held last;
	size_t i, child;

	while (nheld > 0 && heap[0].due <= now) {
		transmit(heap[0].to, heap[0].bytes, heap[0].length);
		free(heap[0].bytes);
		last = heap[--nheld];
		for (i = 0; (child = 2 * i + 1) < nheld; i = child) {
			if (child + 1 < nheld &&
			    before(&heap[child + 1], &heap[child]))
				child++;
			if (!before(&heap[child], &last))
				break;
			heap[i] = heap[child];
		}
		heap[i] = last;
	}
}

static void
forward(struct side *from, unsigned char *bytes, size_t length)
{
	bool towards_b = from == &side[0];
	struct side *to = towards_b ? &side[1] : &side[0];
	uint64_t due = 0;
	int copies = 1;

	from->received++;
	if (length < 14)
		return;
	if (set.cut == 1 || set.cut == (towards_b ? 2 : 3)) {
		from->blocked++;
		return;
	}
	if (set.maxlen != 0 && length > (size_t)set.maxlen) {
		from->too_long++;
		return;
	}
	if (happens(set.loss)) {
		from->lost++;
		return;
	}
	if ((length = retag(towards_b, bytes, length)) == 0)
		return;
	if (happens(set.dup)) {
		from->duplicated++;
		copies = 2;
	}
	if (set.delay_ms > 0)
		due = now_ns() + (uint64_t)(set.delay_ms * 1e6);
	for (; copies > 0; copies--) {
		if (happens(set.reorder)) {
			from->reordered++;
			hold(to, bytes, length, (due != 0 ? due : now_ns()) +
			    REORDER_NS + draw() % REORDER_NS);
		} else if (due != 0)
			hold(to, bytes, length, due);
		else
			transmit(to, bytes, length);
	}
}

static void
receive(struct side *from)
{
	static unsigned char bytes[FRAME_MAX + 2 * TAG_LEN];
	char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct iovec iov = { .iov_base = bytes, .iov_len = FRAME_MAX };
	struct msghdr msg;
	ssize_t n;
	int burst;

	/* A bounded burst, so that held frames and the other side get a turn. */
	for (burst = 0; burst < 64; burst++) {
		memset(&msg, 0, sizeof(msg));
		msg.msg_iov = &iov;
		msg.msg_iovlen = 1;
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		n = recvmsg(from->fd, &msg, 0);
		if (n < 0) {
			/* An interface that goes down reports ENETDOWN once. */
			if (errno != EAGAIN && errno != ENETDOWN &&
			    errno != EINTR)
				err(1, "%s: receive", from->name);
			return;
		}
		forward(from, bytes, restore_tag(&msg, bytes, (size_t)n));
	}
}

static void
stats(void)
{
	struct side *s;

	for (s = side; s < side + 2; s++)
		printf("relay: %s received %ju sent %ju lost %ju duplicated "
		    "%ju reordered %ju too_long %ju blocked %ju refused %ju\n",
		    s->name, (uintmax_t)s->received, (uintmax_t)s->sent,
		    (uintmax_t)s->lost, (uintmax_t)s->duplicated,
		    (uintmax_t)s->reordered, (uintmax_t)s->too_long,
		    (uintmax_t)s->blocked, (uintmax_t)s->refused);
	fflush(stdout);
}

static bool
number(const char *text, double low, double high, double *out)
{
	char *end;
	double value;

	value = strtod(text, &end);
	if (end == text || *end != '\0' || !(value >= low && value <= high))
		return (false);
	*out = value;
	return (true);
}

static bool
change(const char *name, const char *text)
{
	static const char *const cuts[] = { "none", "both", "ab", "ba" };
	double value;
	long i;

	if (strcmp(name, "cut") == 0) {
		for (i = 0; i < 4; i++)
			if (strcmp(text, cuts[i]) == 0) {
				set.cut = i;
				return (true);
			}
		return (false);
	}
	if (!number(text, 0, 1e6, &value))
		return (false);
	if (strcmp(name, "delay") == 0)
		set.delay_ms = value;
	else if (strcmp(name, "maxlen") == 0)
		set.maxlen = (long)value;
	else if (strcmp(name, "vid") == 0 && value < 4095)
		set.vid = (long)value;
	else if (value > 100)
		return (false);
	else if (strcmp(name, "loss") == 0)
		set.loss = value;
	else if (strcmp(name, "dup") == 0)
		set.dup = value;
	else if (strcmp(name, "reorder") == 0)
		set.reorder = value;
	else
		return (false);
	return (true);
}

static void
control(int fd)
{
	static char line[256];
	static size_t used;
	char name[32], text[64], extra;
	char *end;
	ssize_t n;

	n = read(fd, line + used, sizeof(line) - 1 - used);
	if (n <= 0)
		return;
	used += (size_t)n;
	line[used] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end++ = '\0';
		if (strcmp(line, "stats") == 0)
			stats();
		else if (strcmp(line, "quit") == 0)
			stop = 1;
		else if (sscanf(line, "%31s %63s %c", name, text,
		    &extra) != 2 || !change(name, text))
			warnx("not understood: %s", line);
		used -= (size_t)(end - line);
		memmove(line, end, used + 1);
	}
	if (used == sizeof(line) - 1)
		used = 0;
}

static void
on_signal(int sig)
{

	(void)sig;
	stop = 1;
}

static void
watch(int ep, int fd, uint32_t what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = what };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) != 0)
		err(1, "epoll_ctl");
}

static void
run(int fifo)
{
	struct epoll_event ev[3];
	struct timespec wait;
	uint64_t now;
	int ep, i, n;

	if ((ep = epoll_create1(EPOLL_CLOEXEC)) < 0)
		err(1, "epoll_create1");
	watch(ep, side[0].fd, 0);
	watch(ep, side[1].fd, 1);
	if (fifo >= 0)
		watch(ep, fifo, 2);
	while (!stop) {
		now = now_ns();
		release_due(now);
		wait = (struct timespec){ .tv_sec = 1 };
		if (nheld > 0) {
			now = heap[0].due > now ? heap[0].due - now : 0;
			wait.tv_sec = (time_t)(now / 1000000000);
			wait.tv_nsec = (long)(now % 1000000000);
		}
		n = epoll_pwait2(ep, ev, 3, &wait, NULL);
		for (i = 0; i < n; i++) {
			if (ev[i].data.u32 == 2)
				control(fifo);
			else
				receive(&side[ev[i].data.u32]);
		}
	}
	close(ep);
}

static double
option(int letter, const char *text, double high)
{
	double value;

	if (!number(text, 0, high, &value))
		errx(2, "-%c %s: a number from 0 to %g", letter, text, high);
	return (value);
}

int
main(int argc, char **argv)
{
	const char *path = NULL;
	int c, fifo = -1;

	while ((c = getopt(argc, argv, "hl:d:r:D:s:m:v:c:")) != -1) {
		switch (c) {
		case 'l': set.loss = option(c, optarg, 100); break;
		case 'd': set.dup = option(c, optarg, 100); break;
		case 'r': set.reorder = option(c, optarg, 100); break;
		case 'D': set.delay_ms = option(c, optarg, 60000); break;
		case 's': rng = strtoull(optarg, NULL, 0); break;
		case 'm': set.maxlen = (long)option(c, optarg, 65535); break;
		case 'v': set.vid = (long)option(c, optarg, 4094); break;
		case 'c': path = optarg; break;
		case 'h': usage(stdout); return (0);
		default: usage(stderr); return (2);
		}
	}
	if (argc - optind != 2) {
		usage(stderr);
		return (2);
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	side[0].name = argv[optind];
	side[1].name = argv[optind + 1];
	side[0].fd = open_side(side[0].name);
	side[1].fd = open_side(side[1].name);
	if (path != NULL) {
		if (mkfifo(path, 0600) != 0)
			err(1, "%s", path);
		/* O_RDWR, or it would read end-of-file between writers. */
		fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fifo < 0)
			err(1, "%s", path);
	}
	printf("relay: running\n");
	fflush(stdout);
	run(fifo);
	stats();
	if (path != NULL)
		unlink(path);
	return (0);
}
