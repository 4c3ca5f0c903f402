/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Interfaces: a packet socket on a Linux interface, a tap, or a wire inside
 * this process with targets in memory at its other end.  Each interface has a
 * thread that receives; the module transmits from its own threads.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define	BURST		64
#define	FRAME_MAX	65600
#define	WATCH_MS	100		/* time between checks of a device */
#define	WIRE_FRAMES	4096

#ifndef PACKET_IGNORE_OUTGOING
#define	PACKET_IGNORE_OUTGOING	23
#endif

/* Frames on their way to the targets of an in-process link. */
struct wire {
	pthread_mutex_t	 lock;
	pthread_cond_t	 some;
	unsigned	 first, count;
	struct frame {
		size_t		 len;
		unsigned char	*bytes;
	} ring[WIRE_FRAMES];
};

struct link *links;
static pthread_mutex_t links_lock = PTHREAD_MUTEX_INITIALIZER;

struct link *
link_find(const char *name)
{
	struct link *l;

	pthread_mutex_lock(&links_lock);
	for (l = links; l != NULL; l = l->next)
		if (strcmp(l->name, name) == 0)
			break;
	pthread_mutex_unlock(&links_lock);
	return (l);
}

/* Sending. */
static int
wire_put(struct wire *w, const struct host_iov *iov, int count)
{
	struct frame *f;
	size_t len = 0, at = 0;
	int i;

	for (i = 0; i < count; i++)
		len += iov[i].len;
	pthread_mutex_lock(&w->lock);
	if (w->count == WIRE_FRAMES) {
		pthread_mutex_unlock(&w->lock);
		return (FBSD_ENOBUFS);
	}
	f = &w->ring[(w->first + w->count) % WIRE_FRAMES];
	f->bytes = malloc(len);
	f->len = len;
	for (i = 0; i < count; i++) {
		memcpy(f->bytes + at, iov[i].base, iov[i].len);
		at += iov[i].len;
	}
	if (w->count++ == 0)
		pthread_cond_signal(&w->some);
	pthread_mutex_unlock(&w->lock);
	return (0);
}

int
host_link_send(void *cookie, const struct host_iov *iov, int count)
{
	struct link *l = cookie;
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov,
	    .msg_iovlen = (size_t)count };

	_Static_assert(sizeof(struct host_iov) == sizeof(struct iovec), "iov");
	if (l->wire != NULL)
		return (wire_put(l->wire, iov, count));
	if (l->tap ? writev(l->fd, msg.msg_iov, count) >= 0 :
	    sendmsg(l->fd, &msg, MSG_DONTWAIT) >= 0)
		return (0);
	return (errno == ENETDOWN || errno == ENXIO || errno == ENODEV ?
	    FBSD_ENETDOWN : FBSD_ENOBUFS);
}

/* Receiving. */
struct batch {
	struct mmsghdr	msg[BURST];
	struct iovec	iov[BURST];
	char		control[BURST]
			    [CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	unsigned char	*bytes;
};

static int
vlan_tag(struct msghdr *msg)
{
	struct tpacket_auxdata aux;
	struct cmsghdr *c;

	for (c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_PACKET ||
		    c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		return (aux.tp_status & TP_STATUS_VLAN_VALID ?
		    aux.tp_vlan_tci : -1);
	}
	return (-1);
}

static void
packet_burst(struct link *l, struct batch *b)
{
	int i, n;

	for (i = 0; i < BURST; i++) {
		b->iov[i].iov_base = b->bytes + (size_t)i * FRAME_MAX;
		b->iov[i].iov_len = FRAME_MAX;
		b->msg[i].msg_hdr = (struct msghdr){ .msg_iov = &b->iov[i],
		    .msg_iovlen = 1, .msg_control = b->control[i],
		    .msg_controllen = sizeof(b->control[i]) };
	}
	n = recvmmsg(l->fd, b->msg, BURST, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return;
	kpi_input_begin();
	for (i = 0; i < n; i++)
		kpi_if_input(l->kif, b->iov[i].iov_base, b->msg[i].msg_len,
		    vlan_tag(&b->msg[i].msg_hdr));
	kpi_input_end();
}

static void
tap_burst(struct link *l, struct batch *b)
{
	ssize_t n;
	int i;

	kpi_input_begin();
	for (i = 0; i < BURST; i++) {
		n = read(l->fd, b->bytes, FRAME_MAX);
		if (n <= 0)
			break;
		kpi_if_input(l->kif, b->bytes, (size_t)n, -1);
	}
	kpi_input_end();
}

/* Passes the carrier and MTU of the Linux device on to the interface. */
static void
look_at_device(struct link *l)
{
	struct ifreq ifr;
	bool carrier;
	int s;

	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", l->device);
	carrier = ioctl(s, SIOCGIFFLAGS, &ifr) == 0 &&
	    (ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	if (carrier != l->carrier) {
		l->carrier = carrier;
		kpi_if_link(l->kif, carrier);
	}
	if (ioctl(s, SIOCGIFMTU, &ifr) == 0 &&
	    (unsigned)ifr.ifr_mtu != l->mtu) {
		l->mtu = (unsigned)ifr.ifr_mtu;
		kpi_if_mtu(l->kif, l->mtu);
	}
	close(s);
}

static void *
device_main(void *arg)
{
	struct link *l = arg;
	struct batch *b = calloc(1, sizeof(*b));
	struct pollfd p[2] = { { .fd = l->fd, .events = POLLIN },
	    { .fd = l->wake[0], .events = POLLIN } };
	long next = 0;

	b->bytes = malloc((size_t)BURST * FRAME_MAX);
	kpi_thread_enter(l->name);
	while (!atomic_load(&l->stop)) {
		if (host_uptime_ns() >= next) {
			look_at_device(l);
			next = host_uptime_ns() + WATCH_MS * 1000000L;
		}
		if (poll(p, 2, WATCH_MS) <= 0 || p[0].revents == 0)
			continue;
		if (l->tap)
			tap_burst(l, b);
		else
			packet_burst(l, b);
		/* A device that is down stays readable until this. */
		if (p[0].revents & POLLERR) {
			int error;
			socklen_t len = sizeof(error);

			getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		}
	}
	kpi_thread_leave();
	free(b->bytes);
	free(b);
	return (NULL);
}

static void
wire_reply(void *cookie, const void *frame, size_t len)
{
	struct link *l = cookie;

	kpi_if_input(l->kif, frame, len, -1);
}

static void *
wire_main(void *arg)
{
	struct link *l = arg;
	struct wire *w = l->wire;
	struct timespec ts;
	struct frame f;

	kpi_thread_enter(l->name);
	pthread_mutex_lock(&w->lock);
	while (!atomic_load(&l->stop)) {
		if (w->count == 0) {
			clock_gettime(CLOCK_REALTIME, &ts);
			ts.tv_sec++;
			pthread_cond_timedwait(&w->some, &w->lock, &ts);
			continue;
		}
		f = w->ring[w->first];
		w->first = (w->first + 1) % WIRE_FRAMES;
		w->count--;
		pthread_mutex_unlock(&w->lock);
		kpi_input_begin();
		target_frame(l, f.bytes, f.len, l->mtu, wire_reply,
		    l);
		kpi_input_end();
		free(f.bytes);
		pthread_mutex_lock(&w->lock);
	}
	while (w->count > 0) {
		free(w->ring[w->first].bytes);
		w->first = (w->first + 1) % WIRE_FRAMES;
		w->count--;
	}
	pthread_mutex_unlock(&w->lock);
	kpi_thread_leave();
	return (NULL);
}

/* Attaching. */
static int
open_packet(struct link *l, unsigned char mac[6], FILE *out)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL) };
	struct ifreq ifr;
	int one = 1, bytes = 16 << 20;

	l->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	sll.sll_ifindex = (int)if_nametoindex(l->device);
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", l->device);
	if (l->fd < 0 || sll.sll_ifindex == 0 ||
	    setsockopt(l->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
	    sizeof(one)) != 0 ||
	    setsockopt(l->fd, SOL_PACKET, PACKET_AUXDATA, &one,
	    sizeof(one)) != 0 ||
	    ioctl(l->fd, SIOCGIFHWADDR, &ifr) != 0) {
		fprintf(out, "%s: %s\n", l->device, strerror(errno));
		return (FBSD_ENXIO);
	}
	memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	if (ioctl(l->fd, SIOCGIFMTU, &ifr) == 0)
		l->mtu = (unsigned)ifr.ifr_mtu;
	setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	setsockopt(l->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (bind(l->fd, (struct sockaddr *)&sll, sizeof(sll)) != 0) {
		fprintf(out, "%s: %s\n", l->device, strerror(errno));
		return (FBSD_ENXIO);
	}
	return (0);
}

static int
open_tap(struct link *l, FILE *out)
{
	struct ifreq ifr;

	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", l->device);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
	l->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (l->fd < 0 || ioctl(l->fd, TUNSETIFF, &ifr) != 0) {
		fprintf(out, "/dev/net/tun: %s\n", strerror(errno));
		return (FBSD_ENXIO);
	}
	l->tap = true;
	return (0);
}

static void
invent_mac(unsigned char mac[6])
{
	unsigned long r = host_random();

	memcpy(mac, &r, 6);
	mac[0] = (mac[0] & 0xfc) | 0x02;
}

int
link_attach(const char *name, const char *kind, const char *device,
    unsigned mtu, FILE *out)
{
	struct link *l;
	unsigned char mac[6];
	int error = 0;

	if (link_find(name) != NULL)
		return (FBSD_EEXIST);
	l = host_alloc(sizeof(*l));
	snprintf(l->name, sizeof(l->name), "%s", name);
	snprintf(l->device, sizeof(l->device), "%s", device);
	l->mtu = mtu;
	l->fd = l->wake[0] = l->wake[1] = -1;
	invent_mac(mac);
	if (strcmp(kind, "packet") == 0)
		error = open_packet(l, mac, out);
	else if (strcmp(kind, "tap") == 0)
		error = open_tap(l, out);
	else if (strcmp(kind, "wire") == 0) {
		l->wire = host_alloc(sizeof(*l->wire));
		pthread_mutex_init(&l->wire->lock, NULL);
		pthread_cond_init(&l->wire->some, NULL);
	} else
		error = FBSD_EINVAL;
	if (error != 0) {
		if (l->fd >= 0)
			close(l->fd);
		free(l);
		return (error);
	}
	l->wake[0] = eventfd(0, EFD_CLOEXEC);
	l->kif = kpi_if_attach(l->name, l, mac, l->mtu);
	kpi_if_flags(l->kif, 1);
	if (l->wire != NULL)
		kpi_if_link(l->kif, 1);
	else
		look_at_device(l);
	pthread_mutex_lock(&links_lock);
	l->next = links;
	links = l;
	pthread_mutex_unlock(&links_lock);
	if (pthread_create(&l->thread, NULL, l->wire != NULL ? wire_main :
	    device_main, l) != 0)
		host_panic("no thread to be had");
	return (0);
}

int
link_detach(struct link *l)
{
	struct link **p;
	uint64_t one = 1;

	atomic_store(&l->stop, true);
	if (write(l->wake[0], &one, sizeof(one)) < 0)
		perror("eventfd");
	if (l->wire != NULL) {
		pthread_mutex_lock(&l->wire->lock);
		pthread_cond_signal(&l->wire->some);
		pthread_mutex_unlock(&l->wire->lock);
	}
	pthread_join(l->thread, NULL);
	pthread_mutex_lock(&links_lock);
	for (p = &links; *p != l; p = &(*p)->next)
		;
	*p = l->next;
	pthread_mutex_unlock(&links_lock);
	/* Before the detach, since their workers may still answer. */
	targets_free(l->targets);
	l->targets = NULL;
	kpi_if_detach(l->kif);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	close(l->wake[0]);
	/* Not freed: a transmit that comes too late may still refer to it. */
	return (0);
}

void
links_detach_all(void)
{

	while (links != NULL)
		link_detach(links);
}
