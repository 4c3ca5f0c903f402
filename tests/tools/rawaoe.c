/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * rawaoe: reads or writes an AoE target in the simplest way, on a packet
 * socket, as the upper limit against which a driver is measured.  It keeps a
 * given number of requests outstanding, splits them into frames as large as
 * the target accepts, keeps at most the target's buffer count of frames in
 * flight, and sends a frame again if it is not answered in 50 ms.  One thread,
 * no disk, no checks except for the tag.
 */
#define	_GNU_SOURCE
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define	HEADER		36
#define	SECTOR		512
#define	FRAMES		256
#define	BATCH		32
#define	FRAME_MAX	65600
#define	RESEND_NS	50000000

struct frame {
	bool		 out;
	unsigned	 request;
	unsigned long	 lba;
	unsigned	 sectors;
	long		 sent_at;
};

struct request {
	unsigned long	 lba;
	unsigned	 sectors;
	unsigned	 cut;		/* sectors already put in frames */
	unsigned	 left;		/* frames not yet answered */
};

static int		 fd;
static unsigned char	 mine[6], theirs[6];
static unsigned		 shelf, slot, window, per_frame, depth, size;
static bool		 writes, randomly;
static unsigned long	 disk_sectors, next_lba, rng = 88172645463325252UL;
static struct frame	 frames[FRAMES];
static struct request	*requests;
static unsigned		 turn, in_flight;
static unsigned long	 done, resent;
static unsigned char	 zeroes[65536];

static long
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ts.tv_sec * 1000000000L + ts.tv_nsec);
}

static void
header(unsigned char *h, unsigned command, unsigned tag)
{

	memset(h, 0, 64);
	memcpy(h, theirs, 6);
	memcpy(h + 6, mine, 6);
	h[12] = 0x88;
	h[13] = 0xa2;
	h[14] = 0x10;
	h[16] = (unsigned char)(shelf >> 8);
	h[17] = (unsigned char)shelf;
	h[18] = (unsigned char)slot;
	h[19] = (unsigned char)command;
	tag = htonl(tag);
	memcpy(h + 20, &tag, 4);
}

static void
send_frame(unsigned n)
{
	struct frame *f = &frames[n];
	unsigned char h[64];
	struct iovec iov[2] = { { h, HEADER }, { zeroes, 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	unsigned i;

	header(h, 0, n + 1);
	h[24] = (unsigned char)(0x40 | (writes ? 0x01 : 0));
	h[26] = (unsigned char)f->sectors;
	h[27] = writes ? 0x34 : 0x24;
	for (i = 0; i < 6; i++)
		h[28 + i] = (unsigned char)(f->lba >> (8 * i));
	if (writes)
		iov[1].iov_len = f->sectors * SECTOR;
	else
		iov[0].iov_len = 60;
	if (sendmsg(fd, &msg, 0) < 0 && errno != ENOBUFS)
		err(1, "send");
	f->sent_at = now_ns();
}

static void
start_request(unsigned n)
{
	struct request *r = &requests[n];
	unsigned long blocks = disk_sectors / size;

	if (randomly) {
		rng ^= rng << 13;
		rng ^= rng >> 7;
		rng ^= rng << 17;
		r->lba = rng % blocks * size;
	} else {
		if (next_lba + size > disk_sectors)
			next_lba = 0;
		r->lba = next_lba;
		next_lba += size;
	}
	r->sectors = size;
	r->cut = 0;
	r->left = (size + per_frame - 1) / per_frame;
}

/* Sends frames until the window is full, one request after the other. */
static void
fill_window(void)
{
	struct request *r;
	unsigned n = 0, i;

	while (in_flight < window) {
		for (i = 0; i < depth; i++) {
			r = &requests[(turn + i) % depth];
			if (r->cut < r->sectors)
				break;
		}
		if (i == depth)
			return;
		turn = (turn + i) % depth;
		while (frames[n].out)
			n++;
		frames[n] = (struct frame){ .out = true, .request = turn,
		    .lba = r->lba + r->cut, .sectors = r->sectors - r->cut };
		if (frames[n].sectors > per_frame)
			frames[n].sectors = per_frame;
		r->cut += frames[n].sectors;
		in_flight++;
		send_frame(n);
	}
}

static void
answered(const unsigned char *h, size_t len, bool restart)
{
	struct request *r;
	unsigned tag;

	memcpy(&tag, h + 20, 4);
	tag = ntohl(tag) - 1;
	if (len < HEADER || (h[14] & 0x08) == 0 || tag >= FRAMES ||
	    !frames[tag].out)
		return;
	if ((h[14] & 0x04) != 0 || (h[27] & 0xa9) != 0)
		errx(1, "the target reports an error");
	frames[tag].out = false;
	in_flight--;
	r = &requests[frames[tag].request];
	if (--r->left > 0)
		return;
	done++;
	if (restart)
		start_request(frames[tag].request);
}

static void
resend(void)
{
	long now = now_ns();
	unsigned n;

	for (n = 0; n < FRAMES; n++)
		if (frames[n].out && now - frames[n].sent_at > RESEND_NS) {
			resent++;
			send_frame(n);
		}
}

/* Receives a batch of waiting frames; false if there were none. */
static bool
receive(void)
{
	static unsigned char buf[BATCH][FRAME_MAX];
	static struct iovec iov[BATCH];
	static struct mmsghdr msg[BATCH];
	int i, n;

	for (i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ buf[i], FRAME_MAX };
		msg[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i],
		    .msg_iovlen = 1 };
	}
	n = recvmmsg(fd, msg, BATCH, MSG_DONTWAIT, NULL);
	for (i = 0; i < n; i++)
		answered(buf[i], msg[i].msg_len, true);
	return (n > 0);
}

static void
run(double seconds)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	long begin = now_ns(), end = begin + (long)(seconds * 1e9), now;
	unsigned i;

	for (i = 0; i < depth; i++)
		start_request(i);
	for (now = begin; now < end; now = now_ns()) {
		fill_window();
		if (!receive() && poll(&p, 1, 50) == 0)
			resend();
	}
	printf("%.1f MB/s %.0f IOPS\n", (double)done * size * SECTOR * 1e3 /
	    (double)(now - begin), (double)done * 1e9 / (double)(now - begin));
	if (resent != 0)
		fprintf(stderr, "rawaoe: %lu frames sent again\n", resent);
}

static void
open_socket(const char *name)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(0x88a2) };
	struct ifreq ifr;
	int bytes = 16 << 20;

	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0)
		err(1, "packet socket");
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	sll.sll_ifindex = (int)if_nametoindex(name);
	if (sll.sll_ifindex == 0 || ioctl(fd, SIOCGIFHWADDR, &ifr) != 0 ||
	    bind(fd, (struct sockaddr *)&sll, sizeof(sll)) != 0)
		err(1, "%s", name);
	memcpy(mine, ifr.ifr_hwaddr.sa_data, 6);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

/* Finds the target's address, window, sectors per frame and disk size. */
static void
discover(void)
{
	unsigned char h[2048];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	unsigned long i;
	int tries;

	memset(theirs, 0xff, 6);
	for (tries = 0; tries < 20; tries++) {
		header(h, 1, 0x1000);
		if (send(fd, h, 60, 0) < 0)
			err(1, "send");
		if (poll(&p, 1, 100) <= 0 || recv(fd, h, sizeof(h), 0) < 32 ||
		    h[19] != 1 || (h[14] & 0x08) == 0)
			continue;
		memcpy(theirs, h + 6, 6);
		window = (unsigned)h[24] << 8 | h[25];
		per_frame = h[28] != 0 ? h[28] : 2;
		header(h, 0, 0x1001);
		h[24] = 0;
		h[26] = 1;
		h[27] = 0xec;
		h[31] = 0xa0;
		if (send(fd, h, 60, 0) < 0)
			err(1, "send");
		if (poll(&p, 1, 1000) <= 0 ||
		    recv(fd, h, sizeof(h), 0) < HEADER + SECTOR)
			continue;
		for (i = 0; i < 8; i++)
			disk_sectors |= (unsigned long)h[HEADER + 200 + i] <<
			    (8 * i);
		return;
	}
	errx(1, "nobody answers");
}

int
main(int argc, char **argv)
{

	if (argc != 8 || sscanf(argv[2], "%u.%u", &shelf, &slot) != 2) {
		fprintf(stderr, "usage: rawaoe interface shelf.slot "
		    "read|write seq|rand bytes depth seconds\n");
		return (2);
	}
	writes = strcmp(argv[3], "write") == 0;
	randomly = strcmp(argv[4], "rand") == 0;
	size = (unsigned)strtoul(argv[5], NULL, 0) / SECTOR;
	depth = (unsigned)strtoul(argv[6], NULL, 0);
	if (size == 0 || depth == 0)
		errx(2, "sizes and depths begin at 512 and 1");
	open_socket(argv[1]);
	discover();
	if (window == 0 || window > FRAMES)
		window = window == 0 ? 1 : FRAMES;
	requests = calloc(depth, sizeof(*requests));
	if (requests == NULL)
		err(1, NULL);
	run(strtod(argv[7], NULL));
	return (0);
}
