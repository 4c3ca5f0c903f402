# SPDX-License-Identifier: BSD-2-Clause
#
# The tests of rc.d/aoe, a function for each; ./run has the functions they use.
# Each starts from an empty host with the interface em0, the disk aoe0e1p1 and
#     aoe_enable="YES" aoe_iflist="em0" aoe_mounts="/data"
#
# shellcheck shell=sh disable=SC2034

start_does_everything_in_order()
{
	conf 'aoe_wc="0"'
	aoe start
	succeeds
	calls_in_order 'ifconfig em0 up' 'kldload aoe' 'sysctl net.aoe.wc=0' \
	    'sysctl net.aoe.iflist=em0' 'sleep 1' 'fsck -p /dev/aoe0e1p1' \
	    'mount /data'
}

start_does_nothing_unless_enabled()
{
	conf 'aoe_enable="NO"'
	aoe start
	succeeds
	never_calls 'ifconfig|kldload|mount|fsck'
}

onestart_works_without_enable()
{
	conf 'aoe_enable="NO"'
	aoe onestart
	succeeds
	calls 'mount /data'
}

second_start_mounts_nothing_twice()
{
	aoe start
	aoe start
	succeeds
	times_called 1 'kldload aoe'
	times_called 1 'mount /data'
	times_called 1 'fsck -p /dev/aoe0e1p1'
	times_called 2 'sysctl net.aoe.iflist=em0'
}

filters_are_set_before_the_interfaces()
{
	conf 'aoe_shelves="3,7-12"'
	conf 'aoe_config="host a"'
	conf 'aoe_macs="aoe0e1=00:11:22:33:44:55"'
	aoe start
	succeeds
	calls_in_order 'sysctl net.aoe.filter.shelves=3,7-12' \
	    'sysctl net.aoe.filter.config=host a' \
	    'sysctl net.aoe.filter.macs=aoe0e1=00:11:22:33:44:55' \
	    'sysctl net.aoe.iflist=em0'
}

filters_are_left_alone_by_default()
{
	aoe start
	succeeds
	never_calls 'sysctl net\.aoe\.filter.*'
}

filter_that_is_refused_ends_the_start()
{
	conf 'aoe_shelves="all"'
	fails 'sysctl net.aoe.filter.shelves=all'
	aoe start
	is_failure
	says 'net.aoe.filter.shelves cannot be set to "all"'
	never_calls 'sysctl net\.aoe\.iflist=.*|mount /data'
}

write_cache_is_left_alone_by_default()
{
	aoe start
	succeeds
	never_calls 'sysctl net\.aoe\.wc=.*'
}

write_cache_takes_only_its_three_values()
{
	conf 'aoe_wc="yes"'
	aoe start
	is_failure
	says 'aoe_wc must be -1, 0, 1 or empty (got "yes")'
	never_calls 'ifconfig|kldload'
}

disks_in_aoe_forever_wait_for_ever()
{
	conf 'aoe_forever="aoe0e1,/dev/aoe7e5p1"'
	aoe start
	succeeds
	calls_in_order 'kenv net.aoe.target.aoe0e1.maxwait=0' 'kldload aoe'
	calls_in_order 'kenv net.aoe.target.aoe7e5.maxwait=0' 'kldload aoe'
	never_calls 'sysctl net\.aoe\.target\..*=.*'
}

disk_in_aoe_forever_that_is_there_waits_for_ever()
{
	aoe start
	target aoe0e1 180
	conf 'aoe_forever="aoe0e1"'
	aoe start
	succeeds
	calls 'sysctl net.aoe.target.aoe0e1.maxwait=0'
}

nonsense_in_aoe_forever_is_said_and_the_rest_done()
{
	conf 'aoe_forever="aoed0 ada0 aoe0e1"'
	aoe start
	is_failure
	says 'aoed0 in aoe_forever is not a disk'
	says 'ada0 in aoe_forever is not a disk'
	calls 'kenv net.aoe.target.aoe0e1.maxwait=0'
	calls 'mount /data'
}

refused_kernel_environment_is_said()
{
	conf 'aoe_forever="aoe0e1"'
	fails 'kenv net.aoe.target.aoe0e1.maxwait=0'
	aoe start
	is_failure
	says 'net.aoe.target.aoe0e1.maxwait cannot be set'
	calls 'mount /data'
}

root_and_swap_of_fstab_wait_for_ever()
{
	fstab '/dev/aoe7e1p2 / ufs rw 0 0
/dev/aoe7e5p1.eli none swap sw,late 0 0
#/dev/aoe7e6 none swap sw,late 0 0
/dev/ada0p3 none swap sw 0 0
/dev/aoe0e1p1 /data ufs rw,noauto 0 0'
	aoe start
	succeeds
	calls_in_order 'kenv net.aoe.target.aoe7e1.maxwait=0' 'kldload aoe'
	calls_in_order 'kenv net.aoe.target.aoe7e5.maxwait=0' 'kldload aoe'
	times_called 0 'kenv net.aoe.target.aoe7e6.maxwait=0'
	times_called 0 'kenv net.aoe.target.aoe0e1.maxwait=0'
}

swap_with_a_maxwait_of_its_own_keeps_it()
{
	fstab '/dev/aoe7e5 none swap sw,late 0 0
/dev/aoe7e6 none swap sw,late 0 0
/dev/aoe7e7 none swap sw,late 0 0
/dev/aoe0e1p1 /data ufs rw,noauto 0 0'
	echo 60 > "$SANDBOX/kenv/net.aoe.target.aoe7e5.maxwait"
	target aoe7e6 90
	target aoe7e7 -1
	aoe start
	succeeds
	never_calls 'kenv net\.aoe\.target\.aoe7e[56]\.maxwait=.*'
	never_calls 'sysctl net\.aoe\.target\.aoe7e[56]\.maxwait=.*'
	calls 'kenv net.aoe.target.aoe7e7.maxwait=0'
	calls 'sysctl net.aoe.target.aoe7e7.maxwait=0'
}

list_of_interfaces_may_have_commas()
{
	echo igb1 >> "$SANDBOX/interfaces"
	conf 'aoe_iflist="em0,igb1"'
	aoe start
	succeeds
	calls_in_order 'ifconfig em0 up' 'ifconfig igb1 up' \
	    'sysctl net.aoe.iflist=em0,igb1'
}

missing_interface_is_said_and_the_rest_done()
{
	conf 'aoe_iflist="em7 em0"'
	aoe start
	is_failure
	says 'Interface em7 in aoe_iflist does not exist'
	calls 'ifconfig em0 up'
	calls 'sysctl net.aoe.iflist=em7 em0'
	calls 'mount /data'
}

interface_that_stays_down_is_said()
{
	fails 'ifconfig em0 up'
	aoe start
	is_failure
	says 'Interface em0 cannot be brought up'
}

empty_list_of_interfaces_is_a_failure()
{
	conf 'aoe_iflist=""'
	aoe start
	is_failure
	says 'aoe_iflist is empty'
	never_calls 'mount /data'
}

empty_list_keeps_what_the_loader_set()
{
	conf 'aoe_iflist=""'
	echo em0 > "$SANDBOX/module/net.aoe.iflist"
	aoe start
	succeeds
	never_calls 'sysctl net\.aoe\.iflist=.*'
	calls 'mount /data'
}

module_that_does_not_load_ends_the_start()
{
	fails 'kldload aoe'
	aoe start
	is_failure
	says 'Unable to load kernel module aoe'
	never_calls 'mount|fsck|sleep'
}

module_of_the_old_port_is_recognised()
{
	rm "$SANDBOX/module/net.aoe.version"
	aoe start
	is_failure
	says 'it is version 1.2.0'
	never_calls 'mount|fsck|sleep'
}

refused_list_of_interfaces_ends_the_start()
{
	fails 'sysctl net.aoe.iflist=em0'
	aoe start
	is_failure
	says 'net.aoe.iflist cannot be set to "em0"'
	never_calls 'mount|fsck|sleep'
}

nothing_is_waited_for_when_disks_are_there()
{
	: > "$SANDBOX/dev/aoe0e1p1"
	aoe start
	succeeds
	never_calls 'sleep'
}

nothing_is_waited_for_when_none_is_named()
{
	conf 'aoe_mounts=""'
	aoe start
	succeeds
	never_calls 'sleep'
}

waiting_ends_when_the_last_disk_appears()
{
	conf 'aoe_disks="aoe3e0 /dev/aoe3e1"'
	printf '%s\n' '4 aoe3e0' '7 aoe3e1' >> "$SANDBOX/appear"
	aoe start
	succeeds
	times_called 7 'sleep 1'
}

waiting_ends_at_the_limit()
{
	conf 'aoe_wait="12"'
	: > "$SANDBOX/appear"
	aoe start
	is_failure
	says '/dev/aoe0e1p1 did not appear within 12 seconds'
	times_called 12 'sleep 1'
	never_calls 'fsck|mount /data'
}

limit_of_zero_looks_once()
{
	conf 'aoe_wait="0"'
	aoe start
	is_failure
	never_calls 'sleep'
}

limit_must_be_a_number()
{
	conf 'aoe_wait="5m"'
	aoe start
	is_failure
	says 'aoe_wait must be a number of seconds (got "5m")'
	never_calls 'ifconfig|kldload'
}

one_missing_disk_does_not_keep_the_others_from_their_mount()
{
	conf 'aoe_mounts="/gone /data"'
	conf 'aoe_wait="3"'
	fstab '/dev/aoe9e9 /gone ufs rw,noauto 0 0
/dev/aoe0e1p1 /data ufs rw,noauto 0 0'
	aoe start
	is_failure
	says '/dev/aoe9e9 did not appear'
	calls 'mount /data'
	never_calls 'mount /gone'
}

beacons_are_repeated_while_waiting()
{
	conf 'aoe_wait="12"'
	: > "$SANDBOX/appear"
	aoe start
	times_called 2 'sysctl net.aoe.discover=1'
}

device_names_work_as_in_the_old_port()
{
	conf 'aoe_mounts="/dev/aoe0e1p1"'
	aoe start
	succeeds
	calls 'mount /dev/aoe0e1p1'
	aoe stop
	succeeds
	calls 'umount /data'
}

labels_are_waited_for()
{
	fstab '/dev/gpt/data /data ufs rw,noauto 0 0'
	mkdir "$SANDBOX/dev/gpt"
	echo 3 gpt/data > "$SANDBOX/appear"
	aoe start
	succeeds
	times_called 3 'sleep 1'
	calls 'mount /data'
}

mount_without_a_line_in_fstab_is_said()
{
	conf 'aoe_mounts="/elsewhere /data"'
	aoe start
	is_failure
	says '/elsewhere in aoe_mounts has no line in /etc/fstab'
	calls 'mount /data'
}

line_that_would_stop_the_boot_is_said()
{
	fstab '/dev/aoe0e1p1 /data ufs rw 0 2'
	aoe start
	says 'has neither noauto nor late'
	says 'has pass number 2'
}

line_that_is_right_is_not_remarked_on()
{
	fstab '# comment

/dev/aoe0e1p1	/data	ufs	rw,late'
	aoe start
	succeeds
	says_not 'WARNING'
}

damaged_file_system_is_not_mounted()
{
	fails 'fsck -p /dev/aoe0e1p1'
	aoe start
	is_failure
	says 'Run fsck /dev/aoe0e1p1 manually'
	never_calls 'mount /data'
}

read_only_mount_is_not_checked()
{
	fstab '/dev/aoe0e1p1 /data ufs ro,noauto 0 0'
	aoe start
	succeeds
	never_calls 'fsck'
	calls 'mount /data'
}

type_without_a_check_is_mounted_unchecked()
{
	fstab '/dev/aoe0e1p1 /data nocheckfs rw,noauto 0 0'
	aoe start
	succeeds
	never_calls 'fsck'
	calls 'mount /data'
}

failed_mount_is_said()
{
	fails 'mount /data'
	aoe start
	is_failure
	says '/dev/aoe0e1p1 cannot be mounted on /data'
}

occupied_mount_point_is_said()
{
	echo '/dev/ada0p2 /data' > "$SANDBOX/mounted"
	aoe start
	is_failure
	says 'not mounted: /dev/ada0p2 is mounted on /data'
	never_calls 'fsck|mount /data'
}

old_name_in_rc_conf_is_answered()
{
	conf 'aoe_mounts="/dev/aoed0s1a /data"'
	aoe start
	is_failure
	says '/dev/aoed0s1a in aoe_mounts is a name of aoe 1.2.0'
	says 'write /dev/aoe<shelf>e<slot>s1a instead'
	says 'aoe0e1 up 1024MB'
	calls 'mount /data'
}

old_name_in_fstab_is_answered()
{
	fstab '/dev/aoed12 /data ufs rw,noauto 0 0'
	aoe start
	is_failure
	says '/dev/aoed12 in /etc/fstab is a name of aoe 1.2.0'
	says 'write /dev/aoe<shelf>e<slot> instead'
	never_calls 'sleep|mount /data'
}

old_name_in_list_of_disks_is_answered()
{
	conf 'aoe_disks="aoed1"'
	aoe start
	is_failure
	says 'aoed1 in aoe_disks is a name of aoe 1.2.0'
}

stop_unmounts_in_reverse_and_unloads()
{
	conf 'aoe_mounts="/data /data/inner"'
	fstab '/dev/aoe0e1p1 /data ufs rw,noauto 0 0
/dev/aoe0e2 /data/inner ufs rw,noauto 0 0'
	: > "$SANDBOX/dev/aoe0e2"
	aoe start
	aoe stop
	succeeds
	calls_in_order 'umount /data/inner' 'umount /data' 'kldunload aoe'
}

stop_of_what_is_not_loaded_is_no_failure()
{
	aoe stop
	succeeds
	says 'aoe is not loaded'
	never_calls 'umount|kldunload'
}

stop_leaves_what_it_did_not_mount()
{
	aoe start
	echo '/dev/ada0p2 /data' > "$SANDBOX/mounted"
	aoe stop
	succeeds
	never_calls 'umount'
}

stop_unmounts_what_fstab_no_longer_names()
{
	aoe start
	fstab '# nothing'
	aoe stop
	succeeds
	calls_in_order 'umount /data' 'kldunload aoe'
}

busy_file_system_keeps_the_module_loaded()
{
	aoe start
	fails 'umount /data'
	aoe stop
	is_failure
	says '/data cannot be unmounted'
	never_calls 'kldunload'
}

other_mounts_of_our_disks_keep_the_module_loaded()
{
	aoe start
	echo '/dev/aoe5e0p3 /var/db' >> "$SANDBOX/mounted"
	aoe stop
	is_failure
	says '/dev/aoe5e0p3 is still mounted on /var/db'
	never_calls 'kldunload'
}

shutdown_leaves_other_mounts_to_the_kernel()
{
	aoe start
	echo '/dev/aoe5e0p3 /' >> "$SANDBOX/mounted"
	shutdown=yes
	aoe faststop
	succeeds
	calls 'umount /data'
	never_calls 'kldunload'
}

shutdown_waits_no_longer_than_shutdown_wait()
{
	aoe start
	shutdown=yes
	aoe faststop
	succeeds
	calls_in_order 'sysctl net.aoe.maxwait=30' 'umount /data'
}

shutdown_ends_the_wait_of_each_target()
{
	aoe start
	target aoe0e1 0
	target aoe0e2 -1
	target aoe0e3 29
	target aoe0e4 31
	shutdown=yes
	aoe faststop
	succeeds
	calls_in_order 'sysctl net.aoe.target.aoe0e1.maxwait=30' 'umount /data'
	calls_in_order 'sysctl net.aoe.target.aoe0e4.maxwait=30' 'umount /data'
	never_calls 'sysctl net\.aoe\.target\.aoe0e[23]\.maxwait=.*'
}

plain_stop_leaves_maxwait_alone()
{
	aoe start
	target aoe0e1 0
	aoe stop
	succeeds
	never_calls 'sysctl net\.aoe\.(target\.aoe0e1\.)?maxwait=.*'
}

refused_unload_is_said()
{
	aoe start
	fails 'kldunload aoe'
	aoe stop
	is_failure
	says 'The module stays loaded'
}

restart_stops_and_starts()
{
	aoe start
	aoe restart
	succeeds
	calls_in_order 'umount /data' 'kldunload aoe'
	times_called 2 'kldload aoe'
	times_called 2 'mount /data'
}

restart_tells_of_a_failed_stop_and_mounts_again()
{
	conf 'aoe_mounts="/data /data/inner"'
	fstab '/dev/aoe0e1p1 /data ufs rw,noauto 0 0
/dev/aoe0e2 /data/inner ufs rw,noauto 0 0'
	: > "$SANDBOX/dev/aoe0e2"
	aoe start
	fails 'umount /data'
	aoe restart
	is_failure
	times_called 2 'mount /data/inner'
}

status_of_what_is_not_loaded_fails()
{
	aoe status
	is_failure
	says 'aoe is not loaded'
}

status_shows_version_interfaces_disks_and_mounts()
{
	aoe start
	aoe status
	succeeds
	says 'aoe 2.0.0 is loaded'
	says 'Interfaces: em0'
	says 'aoe0e1 up 1024MB <Coraid EtherDrive vblade>'
	says '/dev/aoe0e1p1 is mounted on /data'
}

status_fails_when_something_is_missing()
{
	conf 'aoe_wait="1"'
	: > "$SANDBOX/appear"
	aoe start
	aoe status
	is_failure
	says '/dev/aoe0e1p1 is missing'
	says '/data is not mounted'
}
