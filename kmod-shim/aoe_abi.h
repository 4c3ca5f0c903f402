/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The boundary between the FreeBSD shim (C) and the protocol core (Rust).
 *
 * C calls Rust only through the functions below.  Rust calls only one function
 * of C, aoe_shim_panic(), and the build proves that call unreachable.
 * src/ffi/abi.rs declares the twin of every struct here.  Both sides assert
 * every size and offset (aoe_abi_layout.h in C), and AOE_ABI_VERSION is
 * compared when the module is loaded.
 *
 * A sector here has 512 bytes, whatever the disk's sector size.  A request to a
 * disk with larger sectors covers whole sectors of that disk.
 *
 * Times are microseconds of sbinuptime(), taken under the mutex that guards
 * the object.  Each target has a mutex, and so has the discovery object.  A
 * function that is passed such an object is called with the object's mutex
 * held; the mutexes of a target and of discovery are never held together.
 * No function here sleeps, allocates memory, or keeps a pointer that was passed
 * to it.
 */
#ifndef _AOE_ABI_H_
#define	_AOE_ABI_H_

#define	AOE_ABI_VERSION		8

#define	AOE_NEVER		UINT64_MAX	/* a deadline that is not set */
#define	AOE_LINKS		32	/* local interfaces in use at once */
#define	AOE_PATHS		16	/* (interface, MAC) pairs per target */
#define	AOE_RX_HEADER		36	/* bytes that the core reads */
#define	AOE_TX_HEADER		44	/* most bytes the core writes */
#define	AOE_HISTOGRAM		24	/* buckets per path */
#define	AOE_CONTROL_MAX		2084	/* control payload, either way */
#define	AOE_SEED_LEN		32
#define	AOE_PREFIX_MAX		255	/* of a config string */
#define	AOE_TEXT_MAX		128	/* bytes of an event's sentence */
#define	AOE_DELETE_MAX		65528	/* sectors of one delete */
#define	AOE_VALUE_MAX		1032	/* bytes of a node's text */
#define	AOE_VALUE_SHORT		64	/* ... of most nodes */
#define	AOE_CONFIG_LENGTH	32	/* config answer without string */

struct aoe_target;			/* opaque; C allocates, Rust fills */
struct aoe_disco;

/* Sizes of a target's tables, fixed when it is created. */
struct aoe_params {
	uint32_t	io_slots;	/* I/Os accepted at once */
	uint32_t	frame_slots;	/* requests on the wire at once */
	uint32_t	copy_slots;	/* copies of writes tracked at once */
	uint32_t	reserved;
};

/* Live settings, passed to each target at creation and after a change. */
struct aoe_settings {
	uint64_t	maxwait_us;	/* 0: never give up */
	uint64_t	ghost_wait_us;
	uint64_t	taste_wait_us;
	uint32_t	maxout;		/* cap on a path's window */
	uint32_t	policy;		/* AOE_POLICY_* */
	int32_t		wc;		/* -1 leave, 0 off, 1 on */
	uint32_t	flags;		/* AOE_SET_* */
};
#define	AOE_SET_FAIL_ON_DISCONNECTION	0x1
#define	AOE_SET_STRICT_SRC		0x2
#define	AOE_SET_SHUTTING_DOWN		0x4

#define	AOE_POLICY_LATENCY	0	/* least expected completion time */
#define	AOE_POLICY_ROUND_ROBIN	1
#define	AOE_POLICY_FAILOVER	2

/* The state of a listed local interface. */
struct aoe_link_state {
	uint32_t	mtu;
	uint8_t		mac[6];
	uint8_t		up;		/* IFF_UP, running, link not down */
	uint8_t		present;	/* 0: departed or no longer listed */
};

/* One I/O.  `io` is the caller's handle; the core never dereferences it. */
struct aoe_io {
	uint64_t	io;
	uint64_t	lba;		/* 512-byte sectors */
	uint32_t	sectors;
	uint8_t		op;		/* AOE_OP_* */
	uint8_t		flags;		/* AOE_IO_* */
	uint16_t	reserved;
};
#define	AOE_OP_READ		0
#define	AOE_OP_WRITE		1
#define	AOE_OP_FLUSH		2
#define	AOE_OP_DELETE		3
#define	AOE_IO_ORDERED		0x1	/* BIO_ORDERED */
#define	AOE_IO_TASTE		0x2	/* GEOM tastes with this read */

/* A received frame: its first bytes and its total length. */
struct aoe_frame {
	uint8_t		header[AOE_RX_HEADER];	/* Ethernet header first */
	uint32_t	length;		/* whole frame, Ethernet header in */
	uint8_t		link;
	uint8_t		flags;		/* AOE_FRAME_* */
	uint8_t		reserved[2];
};
/* Flags of a config answer, as returned by aoe_core_disco_judge(). */
#define	AOE_FRAME_NOT_WANTED	0x1	/* target is filtered out */
#define	AOE_FRAME_NOT_FROM_THERE 0x2	/* source MAC is filtered out */

/* Results of aoe_core_disco_rx(). */
#define	AOE_KEPT_NOTHING	0
#define	AOE_KEPT_NEW		1	/* call aoe_core_disco_take() */
#define	AOE_KEPT_LOST		2	/* there was no room */

/* Where to copy the payload of a received frame, before the drain. */
struct aoe_copy {
	uint64_t	io;		/* for AOE_DEST_IO */
	uint32_t	io_offset;	/* bytes into the I/O */
	uint32_t	frame_offset;	/* bytes into the frame */
	uint32_t	length;
	uint32_t	dest;		/* AOE_DEST_* */
};
#define	AOE_DEST_NONE		0
#define	AOE_DEST_IO		1
#define	AOE_DEST_SCRATCH	2	/* aoe_core_scratch() */

/* What to do with a frame of our ethertype; needs no lock. */
struct aoe_peek {
	uint16_t	major;
	uint8_t		minor;
	uint8_t		is_config;	/* answers a config query */
	uint32_t	verdict;	/* AOE_PEEK_* */
};
#define	AOE_PEEK_PASS		0	/* not ours: leave it to others */
#define	AOE_PEEK_DROP		1	/* malformed: count and consume */
#define	AOE_PEEK_TARGET		2	/* pass to target major.minor */
#define	AOE_PEEK_GROUP		3	/* from a group address: count,
					   report, consume */

/*
 * One effect.  A frame is header ++ data ++ zeros up to frame_length, where
 * data is data_length bytes at data_offset of the I/O or the control buffer.
 */
struct aoe_output {
	uint64_t	io;		/* COMPLETE, TRANSMIT: the I/O or 0;
					   CONTROL_DONE: round trip, us */
	uint32_t	data_offset;
	uint32_t	data_length;
	uint32_t	frame_length;	/* at least 60 */
	uint32_t	copy;		/* nonzero: call aoe_core_sent() with
					   it when the mbuf is freed */
	uint32_t	flow;		/* the flow ID of the path */
	uint8_t		link;
	uint8_t		header_length;
	uint8_t		source;		/* AOE_SRC_* */
	uint8_t		event;		/* AOE_EV_*, for EVENT;
					   AOE_TX_*, for TRANSMIT;
					   CONTROL_DONE: error byte */
	uint8_t		path;		/* path index or AOE_PATH_ANY; the
					   EVENT of a path also has its
					   link, and its MAC in header */
	uint8_t		tries;		/* CONTROL_DONE: transmissions */
	uint8_t		refused;	/* CONTROL_DONE: by the target */
	uint8_t		pad;
	uint8_t		header[AOE_TX_HEADER];
	uint64_t	value;		/* see AOE_OUT_* and AOE_EV_* */
	uint32_t	kind;		/* AOE_OUT_* */
	int32_t		error;		/* COMPLETE, CONTROL_DONE: errno */
};
#define	AOE_OUT_TRANSMIT	1
#define	AOE_OUT_COMPLETE	2
#define	AOE_OUT_CONTROL_DONE	3	/* data_length: the whole answer's */
/*
 * The remaining kinds wake the lifecycle thread, which then calls
 * aoe_core_note() and aoe_core_disk_next().  The other members of such an
 * output are for tracing only.
 */
#define	AOE_OUT_UP		4	/* value: sectors */
#define	AOE_OUT_RESIZED		5	/* value: sectors */
#define	AOE_OUT_SUSPENDED	6
#define	AOE_OUT_RESUMED		7
#define	AOE_OUT_GONE		8
#define	AOE_OUT_EVENT		9
#define	AOE_OUT_IDLE		10	/* ask aoe_core_may_free() */
#define	AOE_OUT_ABSENT		11	/* given up without a disk */
#define	AOE_OUT_RETASTE		12	/* reads are answered again */

/*
 * The events in `event` of an EVENT and of the lifecycle outputs.  Their names
 * and sentences come from aoe_core_event_name() and aoe_core_event_text().
 */
#define	AOE_EV_NONE		0	/* value: console lines left out */
#define	AOE_EV_PATH_UP		1
#define	AOE_EV_PATH_DOWN	2
#define	AOE_EV_PATH_CONFLICT	3	/* another disk on that path */
#define	AOE_EV_SIZE_CONFLICT	4	/* path reports another size */
#define	AOE_EV_PAYLOAD_DOWN	5	/* value: bytes */
#define	AOE_EV_PAYLOAD_UP	6	/* value: bytes */
#define	AOE_EV_READ_ONLY	7	/* a write was refused */
#define	AOE_EV_RESERVED		8	/* reserved by another host */
#define	AOE_EV_NO_FLUSH		9	/* flush supported, but refused */
#define	AOE_EV_NO_WRITE_CACHE	10	/* SET FEATURES was refused */
#define	AOE_EV_VERSION		11	/* AoE version refused */
#define	AOE_EV_DISK_ERROR	12	/* value: LBA; once a minute */
#define	AOE_EV_FAILED		13	/* maxwait passed while open */
#define	AOE_EV_RESTARTED	14	/* the target announced itself */
#define	AOE_EV_REPLACED		15	/* closed, and another disk came */
#define	AOE_EV_DOUBLED		16	/* all answers come twice, equal */
#define	AOE_EV_TWO_DISKS	17	/* two disks answer on a path */
#define	AOE_EV_SECTOR_SIZE	18	/* value: bytes, not supported */
#define	AOE_EV_NO_SECTORS	19
#define	AOE_EV_FRAME_TOO_SMALL	20	/* value: MTU for a sector */
#define	AOE_EV_UNIDENTIFIED	21	/* IDENTIFY is not answered */
#define	AOE_EV_GROUP_ADDRESS	22	/* sent from a group address */
#define	AOE_EV_LEFT_OUT		23	/* value: maxtargets */
#define	AOE_EV_SMALLER		24	/* value: sectors, less than the
					   open disk has */
#define	AOE_EV_ACCEPTED		25	/* value: sectors; an administrator
					   replaced the open disk */
#define	AOE_EV_PATH_LEFT_OUT	26	/* value: MAC; no path slot is free */
#define	AOE_EV_UP		27	/* value: sectors */
#define	AOE_EV_RESIZED		28	/* value: sectors */
#define	AOE_EV_SUSPENDED	29
#define	AOE_EV_RESUMED		30	/* value: ms without I/O */
#define	AOE_EV_RETASTE		31
#define	AOE_EV_GONE		32
#define	AOE_EV_LOST		33	/* value: number of events */
#define	AOE_EV_ROOT		34	/* holds the root file system */

/* Why a frame is sent. */
#define	AOE_TX_IO		0
#define	AOE_TX_AGAIN		1	/* an I/O's retransmission */
#define	AOE_TX_IDENTIFY		2
#define	AOE_TX_PROBE		3	/* for a larger payload */
#define	AOE_TX_FENCE		4
#define	AOE_TX_FEATURES		5
#define	AOE_TX_CONTROL		6	/* aoe_core_control() */
#define	AOE_TX_BEACON		7
#define	AOE_TX_COMPARE		8	/* to compare two answers */

#define	AOE_SRC_NONE		0
#define	AOE_SRC_IO		1
#define	AOE_SRC_CONTROL		2	/* aoe_core_control_buffer() */

/* Target states as the administrator sees them. */
#define	AOE_STATE_DISCOVERED	0
#define	AOE_STATE_IDENTIFYING	1
#define	AOE_STATE_UP		2
#define	AOE_STATE_SUSPENDED	3
#define	AOE_STATE_FAILED	4	/* past maxwait, held open */
#define	AOE_STATE_GONE		5

/* Path states. */
#define	AOE_PATH_IDENTIFYING	0
#define	AOE_PATH_UP		1
#define	AOE_PATH_DOWN		2	/* unanswered, or link down */
#define	AOE_PATH_CONFLICT	3	/* another disk answers there */
#define	AOE_PATH_UNUSABLE	4	/* see aoe_target_info.reason */
#define	AOE_PATH_ANY		0xff	/* as an index: any path, or none */

struct aoe_target_info {
	uint64_t	sectors;	/* size of the provider */
	uint64_t	paths_left_out;	/* answers of new paths, when no path
					   slot was free */
	uint64_t	received;
	uint64_t	sent;
	uint64_t	retransmitted;
	uint64_t	late;		/* answers to earlier transmissions */
	uint64_t	unexpected;
	uint64_t	completed;	/* I/Os */
	uint64_t	failed;
	uint64_t	fences;
	uint64_t	guard_waits;	/* writes that waited for copies */
	uint64_t	guard_wait_us;
	uint32_t	state;		/* AOE_STATE_* */
	uint32_t	flags;		/* AOE_INFO_* */
	uint32_t	sector_physical;	/* bytes */
	uint32_t	sector_offset;	/* bytes before LBA 0 in its physical
					   sector */
	uint32_t	rotation_rate;	/* DISK_RR_* of GEOM */
	uint32_t	active;		/* I/Os accepted and not completed */
	uint32_t	in_flight;	/* requests on the wire */
	uint32_t	guarded;	/* unresolved copies of writes */
	uint16_t	firmware_version;	/* from the config answer */
	uint16_t	buffer_count;
	uint16_t	major;
	uint8_t		minor;
	uint8_t		paths;
	uint8_t		sector_count;	/* from the config answer */
	char		serial[21];
	char		model[41];
	char		firmware[9];
	uint16_t	config_length;
	uint8_t		reason_path;	/* index, or AOE_PATH_ANY */
	uint8_t		reserved;
	uint32_t	reason;		/* AOE_EV_*: why the disk, or that
					   path, cannot be used */
	uint64_t	reason_value;	/* of that event */
	uint32_t	sector_logical;	/* bytes */
	uint32_t	reserved2;
	uint64_t	moved;		/* sectors read and written */
};
#define	AOE_INFO_FLUSH		0x01	/* IDENTIFY: flush supported */
#define	AOE_INFO_DELETE		0x02	/* DATA SET MANAGEMENT / TRIM */
#define	AOE_INFO_LBA48		0x04
#define	AOE_INFO_CONFLICT	0x08	/* another disk claims the address */
#define	AOE_INFO_READ_ONLY	0x10	/* a write was refused */
#define	AOE_INFO_RESERVED	0x20	/* AoE error 6 was seen */
#define	AOE_INFO_IDLE		0x40	/* gone, and no copy is unresolved */
#define	AOE_INFO_OPEN		0x80
#define	AOE_INFO_FLUSH_EXT	0x100	/* FLUSH CACHE EXT supported */
#define	AOE_INFO_DOUBLED	0x200	/* each answer comes twice */

struct aoe_path_info {
	uint64_t	sent;
	uint64_t	received;
	uint64_t	retransmitted;
	uint64_t	late;
	uint64_t	unexpected;
	uint32_t	rtt_us;
	uint32_t	rto_us;
	uint32_t	window;
	uint32_t	in_flight;
	uint32_t	payload;	/* bytes in use, known to get through */
	uint32_t	payload_max;	/* bytes that MTU and target allow */
	uint8_t		mac[6];
	uint8_t		link;
	uint8_t		state;		/* AOE_PATH_* */
	uint8_t		index;		/* fixed while the path exists */
	uint8_t		sector_count;	/* from its config answer */
	uint8_t		reserved[2];
	uint32_t	reorder_us;	/* longest time by which an answer was
					   later than a later request's */
	uint64_t	doubled;	/* second answers to requests */
};

/* The core's state of a kernel crash dump, in memory that C provides. */
struct aoe_dump {
	uint64_t	state[24];
};

/* The next step of a crash dump. */
struct aoe_dump_step {
	uint64_t	offset;		/* SEND: of the first byte to send */
	uint32_t	length;		/* SEND: bytes of data, 0: flush;
					   POLL: frames, at most */
	uint32_t	wait_us;	/* POLL: DELAY() before polling */
	uint32_t	kind;		/* AOE_DUMP_* */
	int32_t		error;		/* DONE: errno */
	uint8_t		link;		/* PATH: its interface */
	uint8_t		header[AOE_RX_HEADER];	/* SEND: in front of the data */
	uint8_t		reserved[3];
};
#define	AOE_DUMP_DONE		0
#define	AOE_DUMP_PATH		1	/* leave the current interface; if
					   this one can be polled, call
					   aoe_core_dump_path() */
#define	AOE_DUMP_SEND		2	/* padded to at least 60 bytes */
#define	AOE_DUMP_POLL		3	/* frames to aoe_core_dump_rx() */

/*
 * The decoded 512 bytes of IDENTIFY; a missing or invalid value is 0, a missing
 * sector size is 512.
 */
struct aoe_identity {
	uint64_t	sectors;	/* of the size sector_logical */
	uint64_t	wwn;
	uint32_t	sector_logical;	/* bytes */
	uint32_t	sector_physical;
	uint32_t	sector_offset;	/* bytes before LBA 0 in its physical
					   sector */
	uint32_t	rotation;	/* 1: solid state; else rpm */
	uint32_t	supported;	/* AOE_ID_* */
	uint32_t	enabled;
	char		serial[21];
	char		model[41];
	char		firmware[9];
	uint8_t		reserved;
	uint32_t	trim_blocks;	/* most range blocks in one TRIM */
	uint32_t	reserved2;
};
#define	AOE_ID_SMART		0x01
#define	AOE_ID_WRITE_CACHE	0x02
#define	AOE_ID_LOOK_AHEAD	0x04
#define	AOE_ID_LBA48		0x08
#define	AOE_ID_FLUSH		0x10
#define	AOE_ID_FLUSH_EXT	0x20
#define	AOE_ID_TRIM		0x40

/* A target that answers but has no disk here. */
struct aoe_absent {
	uint64_t	value;		/* of the event */
	uint32_t	seconds;	/* since its first answer */
	uint32_t	event;		/* AOE_EV_*: why */
	uint16_t	major;
	uint8_t		minor;
	uint8_t		reserved[5];
};

/*
 * The settings of the module as a whole, in the units of their sysctl nodes.
 * The core writes them; C reads each one atomically and without a lock.
 */
struct aoe_config {
	int32_t		maxwait;
	int32_t		ghost_wait;
	int32_t		taste_wait;
	int32_t		shutdown_wait;
	int32_t		maxout;
	int32_t		maxtargets;
	int32_t		fail_on_disconnection;
	int32_t		strict_src;
	int32_t		boot;
	int32_t		boot_wait;
	int32_t		abft;
	int32_t		debug;
	int32_t		dump;
	int32_t		wc;
	int32_t		policy;		/* AOE_POLICY_* */
	int32_t		filtering;	/* 1: ask aoe_core_disco_judge() */
};

/* The settings of one target; the target's mutex guards them. */
struct aoe_own {
	int32_t		maxwait;	/* -1: the module's */
	int32_t		policy;		/* likewise */
	int32_t		read_only;	/* its disk refuses writes */
	int32_t		is_told;	/* maxwait was set explicitly */
};

/* A sysctl node; the texts are static. */
struct aoe_node {
	const char	*name;
	const char	*text;		/* its description */
	const char	*refusal;	/* message about a bad loader value */
	uint32_t	kind;		/* AOE_KIND_* */
	uint32_t	flags;		/* AOE_NODE_* */
};
#define	AOE_TREE_MODULE		0	/* net.aoe */
#define	AOE_TREE_FILTER		1	/* net.aoe.filter */
#define	AOE_TREE_STATS		2	/* net.aoe.stats */
#define	AOE_TREE_TARGET		3	/* net.aoe.target.<disk> */
#define	AOE_TREE_PATH		4	/* ... .path.<index> */

#define	AOE_KIND_INT		0
#define	AOE_KIND_U64		1
#define	AOE_KIND_TEXT		2
#define	AOE_KIND_LINK		3	/* the name of that interface */
#define	AOE_KIND_DEVICES	4	/* a line for each target */

#define	AOE_NODE_WRITE		0x1	/* the administrator may write it */
#define	AOE_NODE_TUNABLE	0x2	/* the loader may set it */
#define	AOE_NODE_FIRST		0x4	/* ... and is read before setup */
#define	AOE_NODE_LAST		0x8	/* ... and is read after setup */
#define	AOE_NODE_LONG		0x10	/* text of AOE_VALUE_MAX, not _SHORT */

/* Work to do after a write to a node. */
#define	AOE_DO_TELL		0x01	/* aoe_core_settings() */
#define	AOE_DO_LOOK		0x02	/* aoe_core_disco_link() */
#define	AOE_DO_SEND		0x04	/* aoe_core_disco_poll() */
#define	AOE_DO_ASK		0x08	/* aoe_core_revalidate() */
#define	AOE_DO_DUMP		0x10	/* prepare for crash dumps */
#define	AOE_DO_PROTECT		0x20	/* aoe_core_disk_read_only() */

/* The value of a node: a number, or a text in memory of the shim. */
struct aoe_value {
	uint64_t	number;		/* INT: sign-extended */
	char		*text;		/* NUL-terminated */
	uint32_t	size;		/* of the memory at text, bytes */
	uint32_t	loaders;	/* 1: from kernel environment */
};

/*
 * A search for the AoE boot firmware table: the range to map next and, at the
 * end, the contents of the table.
 */
struct aoe_abft {
	uint64_t	address;	/* physical address of the range */
	uint32_t	length;		/* bytes; 0: the search is over */
	uint16_t	major;		/* this and below: if found is set */
	uint8_t		minor;
	uint8_t		found;
	uint8_t		mac[6];		/* of the local interface used */
	uint8_t		reserved[2];
	uint64_t	search[8];	/* the core's */
};

/* A job of the lifecycle thread for a target's disk. */
struct aoe_disk_job {
	uint64_t	sectors;	/* MAKE, RESIZE */
	uint32_t	job;		/* AOE_JOB_* */
	uint8_t		read_only;	/* MAKE: it refuses writes */
	uint8_t		reserved[3];
};
#define	AOE_JOB_REST		0	/* nothing, for now */
#define	AOE_JOB_REMOVE		1	/* disk_gone(); after d_gone,
					   aoe_core_disk_let_go() */
#define	AOE_JOB_MAKE		2	/* aoe_core_disk_made(), then
					   disk_create() */
#define	AOE_JOB_RESIZE		3	/* disk_resize() */
#define	AOE_JOB_TASTE		4	/* prevent opens; if
					   aoe_core_disk_taste() agrees,
					   disk_media_changed() */

/* States of a target's disk. */
#define	AOE_DISK_NONE		0
#define	AOE_DISK_MAKING		1
#define	AOE_DISK_LIVE		2	/* it can be opened, and takes I/O */
#define	AOE_DISK_DOOMED		3	/* it is to be removed */
#define	AOE_DISK_GOING		4	/* GEOM is removing it */

/* An event of a target that is to be reported. */
struct aoe_note {
	uint64_t	value;		/* of the event */
	uint32_t	event;		/* AOE_EV_* */
	uint8_t		path;		/* index, or AOE_PATH_ANY */
	uint8_t		link;		/* the path's */
	uint8_t		mac[6];		/* the path's remote MAC */
	uint8_t		absent;		/* 1: first ask
					   aoe_core_disco_absent() */
	uint8_t		tell;		/* AOE_TELL_* */
	uint8_t		reserved[2];
};
#define	AOE_TELL_LOG		0x1	/* the event log, and devctl */
#define	AOE_TELL_CONSOLE	0x2

/* The core's event log, in memory that C provides; all zeros: an empty log. */
struct aoe_log {
	uint64_t	state[1025];
};

/* The core's state of an unload, in memory that C provides. */
struct aoe_leave {
	uint64_t	state[5];
};
/* The next step of an unload. */
#define	AOE_LEAVE_NOW		0	/* the unload may begin, or finish */
#define	AOE_LEAVE_WAIT		1	/* wait, then check again */
#define	AOE_LEAVE_BEACON	2	/* send a beacon, wait, check again */
#define	AOE_LEAVE_NOT_DISK	3	/* refused because of a disk */
#define	AOE_LEAVE_NOT_GEOM	4	/* ... of GEOM */
#define	AOE_LEAVE_NOT_FRAME	5	/* ... of a sent frame */
/* Reasons why an unload waits. */
#define	AOE_REMAINS_DISK	0x1	/* a disk, or a thread in a target */
#define	AOE_REMAINS_GEOM	0x2	/* GEOM may be in our code */
#define	AOE_REMAINS_FRAME	0x4	/* a sent frame is not back yet */

/* Actions that aoe_core_boot() requests. */
#define	AOE_BOOT_RELEASE	0x1	/* release the root mount */
#define	AOE_BOOT_ROOT		0x2	/* aoe_core_disk_root() per target */

/* Limits for the shim, read once when the module is loaded. */
struct aoe_limits {
	struct aoe_params tables;	/* of a target */
	uint32_t	look_us;	/* period of polling for changes that
					   have no event */
	uint32_t	grain_us;	/* a callout due this soon is not
					   set again */
	uint32_t	slack_us;	/* how late a callout may fire */
	uint32_t	reap_us;	/* period of checks for returned
					   buffers, while some are out */
	uint32_t	turns;		/* of a drain, before the task
					   continues it */
	uint32_t	reserve;	/* buffers for low memory */
	uint32_t	kept;		/* buffers, with the reserve */
	uint32_t	request_ms;	/* longest ioctl */
};

/*
 * Requests of /dev/aoectl that the core reads or fills in.
 */
#define	AOE_CTL_LOG		32	/* events per request */

struct aoe_ioc_path {
	struct aoe_path_info info;
	uint64_t	histogram[AOE_HISTOGRAM];
	uint32_t	mtu;		/* 0: the interface is gone */
	uint8_t		local[6];	/* MAC of the interface */
	uint8_t		link_up;
	uint8_t		reserved[5];
	char		interface[16];
};

/* The target at an address, or with `next` the first one at or after it. */
struct aoe_ioc_target {
	uint16_t	major;		/* in and out */
	uint8_t		minor;
	uint8_t		next;		/* in: 1: at or after the address */
	uint32_t	npaths;
	struct aoe_target_info info;
	struct aoe_ioc_path path[AOE_PATHS];
	uint32_t	identified;	/* `identify` is valid */
	uint8_t		identify[512];
	uint8_t		config[1024];	/* info.config_length bytes */
	char		name[16];
	char		reason[AOE_TEXT_MAX];	/* text of info.reason, or "" */
	uint32_t	suspended_s;	/* seconds so far; or 0 */
	uint32_t	fails_in_s;	/* until I/O fails, or AOE_FOREVER */
	uint8_t		reserved[4];
};
#define	AOE_FOREVER	0xffffffff

/*
 * A management command: `data` holds the bytes after the 24-byte header of the
 * request, and then those of the answer, cut to what fits.
 */
struct aoe_ioc_control {
	uint16_t	major;
	uint8_t		minor;
	uint8_t		path;		/* index or AOE_PATH_ANY; out:
					   the one that answered */
	uint32_t	command;	/* AoE's number */
	uint32_t	length;		/* of `data`; out: of the answer */
	uint32_t	frame_length;	/* of the request, zero-padded */
	uint32_t	wait_ms;	/* for each transmission */
	uint8_t		tries;		/* in and out: transmissions */
	uint8_t		error;		/* out: AoE's error byte */
	uint8_t		refused;	/* out: by the target */
	uint8_t		reserved;
	uint64_t	rtt_us;		/* out: of the last transmission */
	uint8_t		data[AOE_CONTROL_MAX];
	uint8_t		reserved2[4];
};

struct aoe_ioc_event {
	uint64_t	seq;		/* from 1 */
	uint64_t	sec;		/* time of the event, since 1970 */
	uint64_t	value;		/* of the event */
	uint32_t	usec;
	uint8_t		path;		/* AOE_PATH_ANY: none */
	uint8_t		reserved[3];
	char		target[16];
	char		name[24];
	char		text[AOE_TEXT_MAX];
};

/* Events with a larger `seq` than `after`, oldest first. */
struct aoe_ioc_log {
	uint64_t	after;
	uint32_t	wait_ms;	/* if there is no such event yet */
	uint32_t	count;		/* out */
	uint64_t	lost;		/* out: events overwritten */
	struct aoe_ioc_event event[AOE_CTL_LOG];
};

/* Stateless. */
uint32_t	aoe_core_abi_version(void);
void		aoe_core_peek(const uint8_t *header, uint32_t length,
		    struct aoe_peek *out);
/* The AoE command and the tag in a frame's header, received or to be sent. */
uint32_t	aoe_core_command(const uint8_t header[AOE_RX_HEADER]);
uint32_t	aoe_core_tag(const uint8_t header[AOE_RX_HEADER]);
/* Decode the 512 bytes of IDENTIFY. */
void		aoe_core_identity(const uint8_t page[512],
		    struct aoe_identity *out);
/* A short name for devctl and the event log; static. */
const char	*aoe_core_event_name(uint32_t event);
/* A sentence, truncated to what fits. */
void		aoe_core_event_text(uint32_t event, uint64_t value, char *out,
		    uint32_t size);
/*
 * Begin a search at ACPI's RSDP, whose address is `rsdp`, or 0; if `bios` is
 * not 0, also search where a PC BIOS leaves the table.  C maps the requested
 * range and passes it to aoe_core_abft_take(), until none is requested.
 */
void		aoe_core_abft_begin(struct aoe_abft *, uint64_t rsdp, int bios);
void		aoe_core_abft_take(struct aoe_abft *, const uint8_t *bytes);
/* The node at an index in a tree; ENOENT past the last one. */
int		aoe_core_node(uint32_t tree, uint32_t index,
		    struct aoe_node *out);
/* The default settings. */
void		aoe_core_config_init(struct aoe_config *);
void		aoe_core_own_init(struct aoe_own *);
/* The settings for a target, during a shutdown or not. */
void		aoe_core_compose(const struct aoe_config *,
		    const struct aoe_own *, int shutting_down,
		    struct aoe_settings *out);
/*
 * Read or write a node of the module; those of AOE_TREE_STATS are counters of
 * the shim.  A write returns 0 and in `todo` the work to do (AOE_DO_*), or an
 * errno without a change.  Discovery's mutex is held; before discovery exists,
 * it is NULL and texts cannot be set.
 */
void		aoe_core_module_read(const struct aoe_config *,
		    const struct aoe_disco *, uint32_t tree, uint32_t index,
		    struct aoe_value *out);
int		aoe_core_module_write(struct aoe_config *, struct aoe_disco *,
		    uint64_t now, uint32_t tree, uint32_t index,
		    const struct aoe_value *, uint32_t *todo);
/* The longest duration of a command, in us; 0: invalid, or above the limit. */
uint64_t	aoe_core_control_patience(const struct aoe_ioc_control *);
void		aoe_core_limits(struct aoe_limits *out);
/*
 * Unloading has two phases, and each starts with aoe_core_leave_begin().  The
 * first asks whether the unload may begin: `opened` is the earliest time at
 * which a disk that is still open was opened, or AOE_NEVER.  Then C aborts all
 * targets; in the second phase, `remains` is AOE_REMAINS_*.  Both functions
 * return the next step, AOE_LEAVE_*, until it is NOW or refuses the unload.
 */
void		aoe_core_leave_begin(struct aoe_leave *, uint64_t now);
uint32_t	aoe_core_leave_ask(const struct aoe_leave *, uint64_t now,
		    uint64_t opened, uint64_t *wait_us);
uint32_t	aoe_core_leave_next(struct aoe_leave *, uint64_t now,
		    uint32_t remains, uint64_t *wait_us);
/*
 * Root on AoE: returns AOE_BOOT_*.  The root mount is held until `until`, which
 * this updates; `mounted` is the time at which the root was mounted, or 0;
 * `disk` is whether there is a disk.
 */
uint32_t	aoe_core_boot(uint64_t *until, uint64_t now, uint64_t mounted,
		    int disk);

/* The event log has a mutex of its own. */
void		aoe_core_log_add(struct aoe_log *, uint64_t sec, uint32_t usec,
		    uint16_t major, uint8_t minor, uint8_t path,
		    uint32_t event, uint64_t value);
/* Copies events for a reader; returns their number. */
uint32_t	aoe_core_log_read(const struct aoe_log *, struct aoe_ioc_log *);
/* Empties the log, when the module is loaded again. */
void		aoe_core_log_clear(struct aoe_log *);

/*
 * Discovery: the interface list, the beacon, and whether an answer from an
 * unknown address deserves a target.
 */
uint64_t	aoe_core_disco_size(void);
int		aoe_core_disco_init(struct aoe_disco *, uint64_t size,
		    uint64_t now, const uint8_t seed[AOE_SEED_LEN]);
/* Whether the list names this interface. */
int		aoe_core_disco_listed(const struct aoe_disco *,
		    const char *name, uint64_t length);
/*
 * Returns the AOE_FRAME_* flags of a config answer, whether its target is known
 * or not.  `string` is its config string; bytes after the first AOE_PREFIX_MAX
 * may be omitted.
 */
uint32_t	aoe_core_disco_judge(const struct aoe_disco *,
		    const struct aoe_frame *, const uint8_t *string,
		    uint32_t length);
/* A link was added, changed or (present == 0) removed. */
void		aoe_core_disco_link(struct aoe_disco *, uint64_t now,
		    uint32_t link, const struct aoe_link_state *);
/* Make a beacon, or a query for one target, due now on every link. */
void		aoe_core_disco_now(struct aoe_disco *, uint64_t now);
void		aoe_core_disco_ask(struct aoe_disco *, uint64_t now,
		    uint16_t major, uint8_t minor);
/*
 * An answer whose address has no target: returns AOE_KEPT_*.  The core keeps it
 * if a target should be created; if there is no room, the core queries again
 * later.  aoe_core_disco_take() returns 1 and the oldest answer, or 0.
 */
uint32_t	aoe_core_disco_rx(struct aoe_disco *, uint64_t now,
		    const struct aoe_frame *);
int		aoe_core_disco_take(struct aoe_disco *, struct aoe_frame *);
uint32_t	aoe_core_disco_poll(struct aoe_disco *, uint64_t now,
		    struct aoe_output *out, uint32_t count);
uint64_t	aoe_core_disco_deadline(const struct aoe_disco *);
/*
 * The table of targets that answer but have no disk here.  _absent() enters a
 * target, and returns 1 if this must be reported now; _present() removes it;
 * _absence() reads the entry at an index, or returns ENOENT past the last one.
 */
int		aoe_core_disco_absent(struct aoe_disco *, uint64_t now,
		    uint16_t major, uint8_t minor, uint32_t event,
		    uint64_t value);
void		aoe_core_disco_present(struct aoe_disco *, uint16_t major,
		    uint8_t minor);
int		aoe_core_disco_absence(const struct aoe_disco *, uint64_t now,
		    uint32_t index, struct aoe_absent *out);

/*
 * A target.  C allocates aoe_core_target_size() bytes, 16-aligned; Rust
 * initialises them in place and owns them until C frees them.
 */
uint64_t	aoe_core_target_size(const struct aoe_params *);
int		aoe_core_target_init(struct aoe_target *, uint64_t size,
		    const struct aoe_params *, const struct aoe_settings *,
		    uint64_t now, const uint8_t seed[AOE_SEED_LEN],
		    uint16_t major, uint8_t minor);
void		aoe_core_settings(struct aoe_target *, uint64_t now,
		    const struct aoe_settings *);
void		aoe_core_link(struct aoe_target *, uint64_t now, uint32_t link,
		    const struct aoe_link_state *);
/*
 * 0: accepted; EAGAIN: the tables are full, submit the I/O again later; else
 * the errno for the bio.  I/O through a disk that is being removed is refused:
 * it must not reach the next disk at the same address.
 */
int		aoe_core_submit(struct aoe_target *, uint64_t now,
		    const struct aoe_io *);
/*
 * A frame of this target; C then carries out the copy.  Config answers are
 * passed here, too, even the one that caused the target's creation.
 */
void		aoe_core_rx(struct aoe_target *, uint64_t now,
		    const struct aoe_frame *, struct aoe_copy *);
/* The mbuf of a write's copy was freed. */
void		aoe_core_sent(struct aoe_target *, uint64_t now, uint32_t copy);
void		aoe_core_tick(struct aoe_target *, uint64_t now);
/* First open and last close of the provider; open returns an errno. */
int		aoe_core_open(struct aoe_target *, uint64_t now);
void		aoe_core_close(struct aoe_target *, uint64_t now);
/*
 * The jobs for the disk, one at a time; a thread that may sleep carries each
 * out without the mutex.  A job that is not possible yet, such as shrinking an
 * open disk, is returned later.
 */
void		aoe_core_disk_next(struct aoe_target *, struct aoe_disk_job *);
void		aoe_core_disk_made(struct aoe_target *);
void		aoe_core_disk_let_go(struct aoe_target *);
int		aoe_core_disk_taste(struct aoe_target *);
/* Switch the disk's write protection; a closed disk is recreated for that. */
void		aoe_core_disk_read_only(struct aoe_target *, int read_only);
uint32_t	aoe_core_disk_state(const struct aoe_target *);
/* The time at which the disk was opened, or AOE_NEVER if it is closed. */
uint64_t	aoe_core_disk_opened(const struct aoe_target *);
/*
 * The root was mounted at the time `mounted`.  Returns 1 if this disk holds the
 * root and its settings changed: its I/O now waits for ever.
 */
int		aoe_core_disk_root(struct aoe_target *, struct aoe_own *,
		    uint64_t mounted);
/*
 * Take the oldest unreported event: returns 1, or 0 if there is none.  The rate
 * of console messages is limited, unless `all` is set.
 */
int		aoe_core_note(struct aoe_target *, uint64_t now, int all,
		    struct aoe_note *);
/* 1 if no disk, unreported event or unresolved copy of a write is left. */
int		aoe_core_may_free(const struct aoe_target *);
/* Fail all I/O, present and future; the target becomes GONE. */
void		aoe_core_abort(struct aoe_target *, uint64_t now);
/* Send IDENTIFY again on every path whose link is up. */
void		aoe_core_revalidate(struct aoe_target *, uint64_t now);
/* Forget a target that has no path up and is not open; EBUSY otherwise. */
int		aoe_core_forget(struct aoe_target *, uint64_t now);
/*
 * Send IDENTIFY on the paths where another disk answers, and accept the disk
 * that returns this page, within a few seconds, as the disk of this target.
 * EBUSY if the target's own disk answers, ENODEV if no other disk does, ENOSPC
 * if the other disk is smaller than the open one, EINVAL if its sector size
 * differs.
 */
int		aoe_core_accept(struct aoe_target *, uint64_t now,
		    const uint8_t page[512]);
/*
 * One management command at a time; AOE_OUT_CONTROL_DONE follows.  EBUSY if one
 * is outstanding; EOPNOTSUPP if it could change the disk or is vendor-specific.
 */
int		aoe_core_control(struct aoe_target *, uint64_t now,
		    const struct aoe_ioc_control *);
/* Fill in the answer, before the next command: 0, or the error without one. */
int		aoe_core_control_result(struct aoe_target *,
		    const struct aoe_output *, struct aoe_ioc_control *);
/* Cancel the outstanding command, if any; it will not be reported. */
void		aoe_core_control_cancel(struct aoe_target *, uint64_t now);
uint8_t		*aoe_core_control_buffer(struct aoe_target *);
/* The destination of the requested AOE_DEST_SCRATCH copy. */
uint8_t		*aoe_core_scratch(struct aoe_target *);
/* Fills up to `count` outputs; fewer than `count` means nothing is left. */
uint32_t	aoe_core_poll(struct aoe_target *, uint64_t now,
		    struct aoe_output *out, uint32_t count);
uint64_t	aoe_core_deadline(const struct aoe_target *);
void		aoe_core_info(const struct aoe_target *, uint64_t now,
		    struct aoe_target_info *);
/* Fills in everything except the interfaces of the paths. */
void		aoe_core_describe(const struct aoe_target *, uint64_t now,
		    struct aoe_ioc_target *);
/* 0, or ENOENT past the last path. */
int		aoe_core_path_info(const struct aoe_target *, uint32_t index,
		    struct aoe_path_info *);
/*
 * The response times of a path's requests, flushes excluded.  out[0] counts
 * those below 1 us, out[n] those from 2^(n-1) to below 2^n us; the last element
 * has no upper bound.  0, or ENOENT past the last path.
 */
int		aoe_core_path_histogram(const struct aoe_target *,
		    uint32_t index, uint64_t out[AOE_HISTOGRAM]);
/*
 * The last config string received, truncated to `size`; returns its length
 * before that.
 */
uint32_t	aoe_core_config_string(const struct aoe_target *,
		    uint8_t *out, uint32_t size);
/* The 512 bytes of the last accepted IDENTIFY; 0, or ENOENT without one. */
int		aoe_core_identify(const struct aoe_target *, uint8_t out[512]);
/* A node of the target, or of one of its paths: 0, or ENOENT past the last. */
int		aoe_core_target_read(const struct aoe_target *,
		    const struct aoe_own *, uint32_t tree, uint32_t path,
		    uint32_t index, struct aoe_value *out);
/* Set a node of the target, as aoe_core_module_write() does. */
int		aoe_core_target_write(struct aoe_own *, uint32_t index,
		    const struct aoe_value *, uint32_t *todo);
/* The target's line in net.aoe.devices. */
void		aoe_core_target_line(const struct aoe_target *, char *out,
		    uint32_t size);

/*
 * A crash dump, in a kernel that has stopped: no lock is held.  C draws
 * `sequence` once at random, and aoe_core_dump_begin() advances it, so that
 * each dump has its own tags.  C requests a write, or the end (`last` is set
 * and `length` is 0), and then carries out the steps until one is DONE.
 */
void		aoe_core_dump_begin(struct aoe_dump *,
		    const struct aoe_target *, uint32_t *sequence);
/* 0, or EINVAL: not whole sectors, or not on the disk. */
int		aoe_core_dump_ask(struct aoe_dump *, uint64_t offset,
		    uint64_t length, int last);
void		aoe_core_dump_step(struct aoe_dump *,
		    const struct aoe_target *, struct aoe_dump_step *);
/*
 * Use this interface: its MAC, its MTU, and the size of an mbuf cluster.
 * Returns the bytes of data per frame, or 0 if it cannot be used.
 */
uint32_t	aoe_core_dump_path(struct aoe_dump *, const uint8_t local[6],
		    uint32_t mtu, uint32_t buffer);
void		aoe_core_dump_rx(struct aoe_dump *, const uint8_t *frame,
		    uint32_t length);

/* The only function of C that Rust calls; the build proves it unreachable. */
_Noreturn void	aoe_shim_panic(const char *file, uint64_t length,
		    uint32_t line);

#endif /* _AOE_ABI_H_ */
