/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Sizes and offsets of the structs in aoe_abi.h.  src/ffi/abi.rs asserts the
 * same values for its twins.  Only aoe_kern.c includes this.
 */
#ifndef _AOE_ABI_LAYOUT_H_
#define	_AOE_ABI_LAYOUT_H_

#include "aoe_abi.h"

#define	AOE_SIZE(s, n)	_Static_assert(sizeof(struct s) == (n), #s)
#define	AOE_AT(s, f, n)							\
	_Static_assert(__builtin_offsetof(struct s, f) == (n), #s "." #f)

AOE_SIZE(aoe_params, 16);
AOE_AT(aoe_params, io_slots, 0);
AOE_AT(aoe_params, frame_slots, 4);
AOE_AT(aoe_params, copy_slots, 8);
AOE_AT(aoe_params, reserved, 12);

AOE_SIZE(aoe_settings, 40);
AOE_AT(aoe_settings, maxwait_us, 0);
AOE_AT(aoe_settings, ghost_wait_us, 8);
AOE_AT(aoe_settings, taste_wait_us, 16);
AOE_AT(aoe_settings, maxout, 24);
AOE_AT(aoe_settings, policy, 28);
AOE_AT(aoe_settings, wc, 32);
AOE_AT(aoe_settings, flags, 36);

AOE_SIZE(aoe_link_state, 12);
AOE_AT(aoe_link_state, mtu, 0);
AOE_AT(aoe_link_state, mac, 4);
AOE_AT(aoe_link_state, up, 10);
AOE_AT(aoe_link_state, present, 11);

AOE_SIZE(aoe_io, 24);
AOE_AT(aoe_io, io, 0);
AOE_AT(aoe_io, lba, 8);
AOE_AT(aoe_io, sectors, 16);
AOE_AT(aoe_io, op, 20);
AOE_AT(aoe_io, flags, 21);
AOE_AT(aoe_io, reserved, 22);

AOE_SIZE(aoe_frame, 44);
AOE_AT(aoe_frame, header, 0);
AOE_AT(aoe_frame, length, 36);
AOE_AT(aoe_frame, link, 40);
AOE_AT(aoe_frame, flags, 41);
AOE_AT(aoe_frame, reserved, 42);

AOE_SIZE(aoe_copy, 24);
AOE_AT(aoe_copy, io, 0);
AOE_AT(aoe_copy, io_offset, 8);
AOE_AT(aoe_copy, frame_offset, 12);
AOE_AT(aoe_copy, length, 16);
AOE_AT(aoe_copy, dest, 20);

AOE_SIZE(aoe_peek, 8);
AOE_AT(aoe_peek, major, 0);
AOE_AT(aoe_peek, minor, 2);
AOE_AT(aoe_peek, is_config, 3);
AOE_AT(aoe_peek, verdict, 4);

AOE_SIZE(aoe_output, 96);
AOE_AT(aoe_output, io, 0);
AOE_AT(aoe_output, data_offset, 8);
AOE_AT(aoe_output, data_length, 12);
AOE_AT(aoe_output, frame_length, 16);
AOE_AT(aoe_output, copy, 20);
AOE_AT(aoe_output, flow, 24);
AOE_AT(aoe_output, link, 28);
AOE_AT(aoe_output, header_length, 29);
AOE_AT(aoe_output, source, 30);
AOE_AT(aoe_output, event, 31);
AOE_AT(aoe_output, path, 32);
AOE_AT(aoe_output, tries, 33);
AOE_AT(aoe_output, refused, 34);
AOE_AT(aoe_output, pad, 35);
AOE_AT(aoe_output, header, 36);
AOE_AT(aoe_output, value, 80);
AOE_AT(aoe_output, kind, 88);
AOE_AT(aoe_output, error, 92);

AOE_SIZE(aoe_target_info, 240);
AOE_AT(aoe_target_info, sectors, 0);
AOE_AT(aoe_target_info, paths_left_out, 8);
AOE_AT(aoe_target_info, received, 16);
AOE_AT(aoe_target_info, sent, 24);
AOE_AT(aoe_target_info, retransmitted, 32);
AOE_AT(aoe_target_info, late, 40);
AOE_AT(aoe_target_info, unexpected, 48);
AOE_AT(aoe_target_info, completed, 56);
AOE_AT(aoe_target_info, failed, 64);
AOE_AT(aoe_target_info, fences, 72);
AOE_AT(aoe_target_info, guard_waits, 80);
AOE_AT(aoe_target_info, guard_wait_us, 88);
AOE_AT(aoe_target_info, state, 96);
AOE_AT(aoe_target_info, flags, 100);
AOE_AT(aoe_target_info, sector_physical, 104);
AOE_AT(aoe_target_info, sector_offset, 108);
AOE_AT(aoe_target_info, rotation_rate, 112);
AOE_AT(aoe_target_info, active, 116);
AOE_AT(aoe_target_info, in_flight, 120);
AOE_AT(aoe_target_info, guarded, 124);
AOE_AT(aoe_target_info, firmware_version, 128);
AOE_AT(aoe_target_info, buffer_count, 130);
AOE_AT(aoe_target_info, major, 132);
AOE_AT(aoe_target_info, minor, 134);
AOE_AT(aoe_target_info, paths, 135);
AOE_AT(aoe_target_info, sector_count, 136);
AOE_AT(aoe_target_info, serial, 137);
AOE_AT(aoe_target_info, model, 158);
AOE_AT(aoe_target_info, firmware, 199);
AOE_AT(aoe_target_info, config_length, 208);
AOE_AT(aoe_target_info, reason_path, 210);
AOE_AT(aoe_target_info, reserved, 211);
AOE_AT(aoe_target_info, reason, 212);
AOE_AT(aoe_target_info, reason_value, 216);
AOE_AT(aoe_target_info, sector_logical, 224);
AOE_AT(aoe_target_info, reserved2, 228);
AOE_AT(aoe_target_info, moved, 232);

AOE_SIZE(aoe_dump, 192);
AOE_AT(aoe_dump, state, 0);

AOE_SIZE(aoe_dump_step, 64);
AOE_AT(aoe_dump_step, offset, 0);
AOE_AT(aoe_dump_step, length, 8);
AOE_AT(aoe_dump_step, wait_us, 12);
AOE_AT(aoe_dump_step, kind, 16);
AOE_AT(aoe_dump_step, error, 20);
AOE_AT(aoe_dump_step, link, 24);
AOE_AT(aoe_dump_step, header, 25);
AOE_AT(aoe_dump_step, reserved, 61);

AOE_SIZE(aoe_path_info, 88);
AOE_AT(aoe_path_info, sent, 0);
AOE_AT(aoe_path_info, received, 8);
AOE_AT(aoe_path_info, retransmitted, 16);
AOE_AT(aoe_path_info, late, 24);
AOE_AT(aoe_path_info, unexpected, 32);
AOE_AT(aoe_path_info, rtt_us, 40);
AOE_AT(aoe_path_info, rto_us, 44);
AOE_AT(aoe_path_info, window, 48);
AOE_AT(aoe_path_info, in_flight, 52);
AOE_AT(aoe_path_info, payload, 56);
AOE_AT(aoe_path_info, payload_max, 60);
AOE_AT(aoe_path_info, mac, 64);
AOE_AT(aoe_path_info, link, 70);
AOE_AT(aoe_path_info, state, 71);
AOE_AT(aoe_path_info, index, 72);
AOE_AT(aoe_path_info, sector_count, 73);
AOE_AT(aoe_path_info, reserved, 74);
AOE_AT(aoe_path_info, reorder_us, 76);
AOE_AT(aoe_path_info, doubled, 80);

AOE_SIZE(aoe_identity, 120);
AOE_AT(aoe_identity, sectors, 0);
AOE_AT(aoe_identity, wwn, 8);
AOE_AT(aoe_identity, sector_logical, 16);
AOE_AT(aoe_identity, sector_physical, 20);
AOE_AT(aoe_identity, sector_offset, 24);
AOE_AT(aoe_identity, rotation, 28);
AOE_AT(aoe_identity, supported, 32);
AOE_AT(aoe_identity, enabled, 36);
AOE_AT(aoe_identity, serial, 40);
AOE_AT(aoe_identity, model, 61);
AOE_AT(aoe_identity, firmware, 102);
AOE_AT(aoe_identity, reserved, 111);
AOE_AT(aoe_identity, trim_blocks, 112);
AOE_AT(aoe_identity, reserved2, 116);

AOE_SIZE(aoe_absent, 24);
AOE_AT(aoe_absent, value, 0);
AOE_AT(aoe_absent, seconds, 8);
AOE_AT(aoe_absent, event, 12);
AOE_AT(aoe_absent, major, 16);
AOE_AT(aoe_absent, minor, 18);
AOE_AT(aoe_absent, reserved, 19);

AOE_SIZE(aoe_abft, 88);
AOE_AT(aoe_abft, address, 0);
AOE_AT(aoe_abft, length, 8);
AOE_AT(aoe_abft, major, 12);
AOE_AT(aoe_abft, minor, 14);
AOE_AT(aoe_abft, found, 15);
AOE_AT(aoe_abft, mac, 16);
AOE_AT(aoe_abft, reserved, 22);
AOE_AT(aoe_abft, search, 24);

AOE_SIZE(aoe_disk_job, 16);
AOE_AT(aoe_disk_job, sectors, 0);
AOE_AT(aoe_disk_job, job, 8);
AOE_AT(aoe_disk_job, read_only, 12);
AOE_AT(aoe_disk_job, reserved, 13);

AOE_SIZE(aoe_note, 24);
AOE_AT(aoe_note, value, 0);
AOE_AT(aoe_note, event, 8);
AOE_AT(aoe_note, path, 12);
AOE_AT(aoe_note, link, 13);
AOE_AT(aoe_note, mac, 14);
AOE_AT(aoe_note, absent, 20);
AOE_AT(aoe_note, tell, 21);
AOE_AT(aoe_note, reserved, 22);

AOE_SIZE(aoe_log, 8200);
AOE_AT(aoe_log, state, 0);

AOE_SIZE(aoe_leave, 40);
AOE_AT(aoe_leave, state, 0);

AOE_SIZE(aoe_limits, 48);
AOE_AT(aoe_limits, tables, 0);
AOE_AT(aoe_limits, look_us, 16);
AOE_AT(aoe_limits, grain_us, 20);
AOE_AT(aoe_limits, slack_us, 24);
AOE_AT(aoe_limits, reap_us, 28);
AOE_AT(aoe_limits, turns, 32);
AOE_AT(aoe_limits, reserve, 36);
AOE_AT(aoe_limits, kept, 40);
AOE_AT(aoe_limits, request_ms, 44);

AOE_SIZE(aoe_ioc_path, 312);
AOE_AT(aoe_ioc_path, info, 0);
AOE_AT(aoe_ioc_path, histogram, 88);
AOE_AT(aoe_ioc_path, mtu, 280);
AOE_AT(aoe_ioc_path, local, 284);
AOE_AT(aoe_ioc_path, link_up, 290);
AOE_AT(aoe_ioc_path, reserved, 291);
AOE_AT(aoe_ioc_path, interface, 296);

AOE_SIZE(aoe_ioc_target, 6936);
AOE_AT(aoe_ioc_target, major, 0);
AOE_AT(aoe_ioc_target, minor, 2);
AOE_AT(aoe_ioc_target, next, 3);
AOE_AT(aoe_ioc_target, npaths, 4);
AOE_AT(aoe_ioc_target, info, 8);
AOE_AT(aoe_ioc_target, path, 248);
AOE_AT(aoe_ioc_target, identified, 5240);
AOE_AT(aoe_ioc_target, identify, 5244);
AOE_AT(aoe_ioc_target, config, 5756);
AOE_AT(aoe_ioc_target, name, 6780);
AOE_AT(aoe_ioc_target, reason, 6796);
AOE_AT(aoe_ioc_target, suspended_s, 6924);
AOE_AT(aoe_ioc_target, fails_in_s, 6928);
AOE_AT(aoe_ioc_target, reserved, 6932);

AOE_SIZE(aoe_ioc_control, 2120);
AOE_AT(aoe_ioc_control, major, 0);
AOE_AT(aoe_ioc_control, minor, 2);
AOE_AT(aoe_ioc_control, path, 3);
AOE_AT(aoe_ioc_control, command, 4);
AOE_AT(aoe_ioc_control, length, 8);
AOE_AT(aoe_ioc_control, frame_length, 12);
AOE_AT(aoe_ioc_control, wait_ms, 16);
AOE_AT(aoe_ioc_control, tries, 20);
AOE_AT(aoe_ioc_control, error, 21);
AOE_AT(aoe_ioc_control, refused, 22);
AOE_AT(aoe_ioc_control, reserved, 23);
AOE_AT(aoe_ioc_control, rtt_us, 24);
AOE_AT(aoe_ioc_control, data, 32);
AOE_AT(aoe_ioc_control, reserved2, 2116);

AOE_SIZE(aoe_ioc_event, 200);
AOE_AT(aoe_ioc_event, seq, 0);
AOE_AT(aoe_ioc_event, sec, 8);
AOE_AT(aoe_ioc_event, value, 16);
AOE_AT(aoe_ioc_event, usec, 24);
AOE_AT(aoe_ioc_event, path, 28);
AOE_AT(aoe_ioc_event, reserved, 29);
AOE_AT(aoe_ioc_event, target, 32);
AOE_AT(aoe_ioc_event, name, 48);
AOE_AT(aoe_ioc_event, text, 72);

AOE_SIZE(aoe_ioc_log, 6424);
AOE_AT(aoe_ioc_log, after, 0);
AOE_AT(aoe_ioc_log, wait_ms, 8);
AOE_AT(aoe_ioc_log, count, 12);
AOE_AT(aoe_ioc_log, lost, 16);
AOE_AT(aoe_ioc_log, event, 24);

AOE_SIZE(aoe_config, 64);
AOE_AT(aoe_config, maxwait, 0);
AOE_AT(aoe_config, ghost_wait, 4);
AOE_AT(aoe_config, taste_wait, 8);
AOE_AT(aoe_config, shutdown_wait, 12);
AOE_AT(aoe_config, maxout, 16);
AOE_AT(aoe_config, maxtargets, 20);
AOE_AT(aoe_config, fail_on_disconnection, 24);
AOE_AT(aoe_config, strict_src, 28);
AOE_AT(aoe_config, boot, 32);
AOE_AT(aoe_config, boot_wait, 36);
AOE_AT(aoe_config, abft, 40);
AOE_AT(aoe_config, debug, 44);
AOE_AT(aoe_config, dump, 48);
AOE_AT(aoe_config, wc, 52);
AOE_AT(aoe_config, policy, 56);
AOE_AT(aoe_config, filtering, 60);

AOE_SIZE(aoe_own, 16);
AOE_AT(aoe_own, maxwait, 0);
AOE_AT(aoe_own, policy, 4);
AOE_AT(aoe_own, read_only, 8);
AOE_AT(aoe_own, is_told, 12);

AOE_SIZE(aoe_node, 32);
AOE_AT(aoe_node, name, 0);
AOE_AT(aoe_node, text, 8);
AOE_AT(aoe_node, refusal, 16);
AOE_AT(aoe_node, kind, 24);
AOE_AT(aoe_node, flags, 28);

AOE_SIZE(aoe_value, 24);
AOE_AT(aoe_value, number, 0);
AOE_AT(aoe_value, text, 8);
AOE_AT(aoe_value, size, 16);
AOE_AT(aoe_value, loaders, 20);

#endif /* _AOE_ABI_LAYOUT_H_ */
