/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The part of QEMU's interface for TCG plugins that plugin.c uses, since Debian
 * has no package with the header.  In QEMU 7.2 (version 1), counters are plain
 * addresses; from QEMU 9 on (version 3), they are per virtual processor.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef PLUGIN_API
#error "PLUGIN_API is 1 (QEMU 7.2) or 3 (QEMU 9 and later)"
#endif

#define	EXPORT	__attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };

typedef void (*qemu_plugin_vcpu_udata_cb_t)(unsigned int, void *);
typedef void (*qemu_plugin_tb_cb_t)(qemu_plugin_id_t, struct qemu_plugin_tb *);

void	qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
	    qemu_plugin_tb_cb_t);
void	qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *,
	    qemu_plugin_vcpu_udata_cb_t, enum qemu_plugin_cb_flags, void *);
size_t	qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *,
	    size_t);
size_t	qemu_plugin_insn_size(const struct qemu_plugin_insn *);

#if PLUGIN_API == 1
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
void	qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *,
	    enum qemu_plugin_op, void *, uint64_t);
#else
struct qemu_plugin_scoreboard;
typedef struct {
	struct qemu_plugin_scoreboard	*score;
	size_t				offset;
} qemu_plugin_u64;

size_t	qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);
void	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(
	    struct qemu_plugin_tb *, enum qemu_plugin_op, qemu_plugin_u64,
	    uint64_t);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t);
void	*qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *,
	    unsigned int);
#endif
