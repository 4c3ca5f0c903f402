/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Access to a bio's data, whether GEOM tastes with it, and its completion.
 *
 * Knows: GEOM's rules for bios.
 * Must not know: disks, or what a frame means.
 */
#include "aoe_frame.h"

#include <sys/mbuf.h>

#include <vm/vm.h>
#include <vm/vm_param.h>
#include <vm/pmap.h>
#include <vm/vm_page.h>

#include <machine/bus.h>
#include <machine/vmparam.h>

#include <geom/geom.h>

/*
 * The address of a bio's byte at `offset`; `avail` is the number of contiguous
 * bytes from there on.  Unmapped pages are accessed through the direct map,
 * which amd64 and arm64 have.
 */
static char *
aoe_bio_at(struct bio *bp, size_t offset, size_t *avail)
{
	const bus_dma_segment_t *seg;
	size_t at;

	if ((bp->bio_flags & BIO_VLIST) != 0) {
		seg = (const bus_dma_segment_t *)bp->bio_data;
		for (at = offset + bp->bio_ma_offset; at >= seg->ds_len; seg++)
			at -= seg->ds_len;
		*avail = seg->ds_len - at;
		/* In a bio, this is a kernel address, not a bus address. */
		return ((char *)(uintptr_t)(seg->ds_addr + at));
	}
	if ((bp->bio_flags & BIO_UNMAPPED) != 0) {
		at = offset + bp->bio_ma_offset;
		*avail = PAGE_SIZE - (at & PAGE_MASK);
		return ((char *)PHYS_TO_DMAP(VM_PAGE_TO_PHYS(
		    bp->bio_ma[at >> PAGE_SHIFT])) + (at & PAGE_MASK));
	}
	*avail = bp->bio_bcount - offset;
	return (bp->bio_data + offset);
}

/* Copy a span of a write into a frame. */
void
aoe_bio_write_to(struct bio *bp, size_t offset, size_t length, char *to)
{
	const char *from;
	size_t n;

	KASSERT(offset + length <= (size_t)bp->bio_bcount,
	    ("span %zu + %zu of bio %p", offset, length, bp));
	for (; length != 0; length -= n, offset += n, to += n) {
		from = aoe_bio_at(bp, offset, &n);
		n = MIN(n, length);
		memcpy(to, from, n);
	}
}

/*
 * Copy a part of a received frame into a span of a read.  Neither need be
 * contiguous; the mbuf chain and the bio's pieces are each walked once.
 */
void
aoe_bio_read_from(struct bio *bp, size_t offset, size_t length,
    const struct mbuf *m, size_t from)
{
	char *to;
	size_t n, room;

	KASSERT(bp->bio_cmd == BIO_READ, ("data for bio %p", bp));
	KASSERT(offset + length <= (size_t)bp->bio_bcount,
	    ("span %zu + %zu of bio %p", offset, length, bp));
	KASSERT(from + length <= (size_t)m->m_pkthdr.len,
	    ("%zu + %zu of a frame of %d", from, length, m->m_pkthdr.len));
	room = 0;
	to = NULL;
	for (; length != 0; length -= n, offset += n, from += n) {
		for (; from >= (size_t)m->m_len; m = m->m_next)
			from -= m->m_len;
		if (room == 0)
			to = aoe_bio_at(bp, offset, &room);
		n = MIN(MIN(room, length), m->m_len - from);
		memcpy(to, mtod(m, const char *) + from, n);
		room -= n;
		to += n;
	}
}

/*
 * Whether GEOM tastes the disk with this read: a class sleeps in g_read_data()
 * until it completes, and the provider is not open for writing.  disk(9) passes
 * a clone; only the bios above the clone have a provider.  g_read_data() sets
 * no bio_done in the topmost of those bios, while a file system does.  A read
 * through the device node is no taste either: the topmost bio with a provider
 * is geom_dev's, which has a bio_done, and its parent is physio's.
 */
bool
aoe_bio_tastes(const struct bio *bp)
{

	if (bp->bio_parent == NULL || bp->bio_parent->bio_to == NULL ||
	    bp->bio_parent->bio_to->acw != 0)
		return (false);
	while (bp->bio_parent != NULL && bp->bio_parent->bio_to != NULL)
		bp = bp->bio_parent;
	return (bp->bio_done == NULL);
}

void
aoe_bio_done(struct bio *bp, int error)
{

	bp->bio_resid = error != 0 ? bp->bio_bcount : 0;
	if (error != 0)
		biofinish(bp, NULL, error);
	else
		biodone(bp);
}
