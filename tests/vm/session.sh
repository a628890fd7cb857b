# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What cases with a desktop share, read by them: a session at the seat as a user has it, our monitor
# beside it, and the words to ask both. Knows no desktop.
#
# A case sets `desktop` to the name of what it starts, for messages. $name is our display's.

# shellcheck disable=SC2154 # desktop
runtime=/run/user/1000
name="Living Room"
proofs=0

die() {
	echo "not ok $desktop: $*"
	tail -n 15 /out/desktop.log 2>/dev/null | sed 's/^/#   /'
	exit 1
}

proved() {
	proofs=$((proofs + 1))
	echo "ok $proofs $desktop: $*"
}

# wait_until SECONDS WHAT COMMAND...
wait_until() {
	local left=$1 what=$2

	shift 2
	until "$@"; do
		left=$((left - 1))
		[ $left -gt 0 ] || die "$what: time is up"
		systemctl -q is-active desktop.service || die "$what: the desktop is gone"
		sleep 1
	done
	echo "# $what at $(cut -d' ' -f1 /proc/uptime) s"
}

# ---- our monitor ----

start_monitor() {
	modprobe -a drm_shmem_helper drm_kms_helper
	insmod "$VM_MODULE" || die "the module does not load"
	udevadm settle
	coproc "$VM_BUILD/tests/vm/monitor"
	monitor=$COPROC_PID
	exec {to_monitor}>&"${COPROC[1]}" {from_monitor}<&"${COPROC[0]}"
	exec {COPROC[1]}>&- {COPROC[0]}<&-
}

stop_monitor() {
	exec {to_monitor}>&- {from_monitor}<&-
	wait "$monitor"
}

# monitor COMMAND...: its answer in $answer
monitor() {
	echo "$*" >&$to_monitor
	read -r -t 120 answer <&$from_monitor || die "the monitor does not answer"
	case $answer in
	error*) die "monitor $*: $answer" ;;
	esac
}

# monitor_is STATE WxH
monitor_is() {
	monitor state
	[[ $answer == "$1 ${2:-}"* ]]
}

# shows FILE LIT COLOURS: a picture in which so much, in percent, is not black, of so many colours.
shows() {
	monitor grab "/out/$1.png"
	echo "# $1: $answer"
	[[ $answer =~ lit\ ([0-9]+)%\ colours\ ([0-9]+) ]] &&
		[ "${BASH_REMATCH[1]}" -ge "$2" ] && [ "${BASH_REMATCH[2]}" -ge "$3" ]
}

count_frames() {
	monitor state
	frames_before=${answer##* }
}

more_frames() {
	monitor state
	[ "${answer##* }" -gt "$frames_before" ]
}

# becomes STATE WHAT: the monitor is told, and gets frames where there are any to get.
becomes() {
	# shellcheck disable=SC2086 # two words
	wait_until 120 "$2" monitor_is $1
	[ "$1" = off ] || wait_until 120 "$2: frames" more_frames
}

# changes STATE COMMAND...: the desktop does it.
changes() {
	local state=$1

	shift
	count_frames
	"$@" || die "$*: failed"
	becomes "$state" "$*"
}

# ---- the session ----

# start_session [NAME=VALUE...] COMMAND...: as tester, on tty7, through PAM: logind knows it.
start_session() {
	systemd-run --quiet --unit=desktop -p User=tester -p PAMName=login -p TTYPath=/dev/tty7 \
		-p StandardInput=tty-force -p StandardOutput=truncate:/out/desktop.log \
		-p StandardError=inherit -p UtmpIdentifier=tty7 -p UtmpMode=user \
		-p WorkingDirectory=/home/tester -p Environment="XDG_SEAT=seat0 XDG_VTNR=7" \
		env "$@" || die "the session does not start"
	wait_until 120 "session" eval '[ -S $runtime/bus ]'
	loginctl activate "$(loginctl --no-legend list-sessions | awk '$3 == "tester" { print $1; exit }')"
}

as_user() {
	setpriv --reuid=1000 --regid=1000 --init-groups --reset-env env HOME=/home/tester \
		XDG_RUNTIME_DIR="$runtime" DBUS_SESSION_BUS_ADDRESS="unix:path=$runtime/bus" "$@"
}

# ---- a display beside the desktop's own ----

# A case tells how its desktop does each of these:
#	describe		print what a user's tool says of the displays
#	layout			print how they are used, in lines that mean the same when they are the same
#	extend			use ours beside the other; where desktops do it themselves, nothing
#	use_mode WxH, disable, enable, rotate, rotate_back
knows_name() {
	describe | grep -q "$name"
}

knows_no_name() {
	! knows_name
}

layout_as_before() {
	[ "$(layout)" = "$before" ]
}

extend() {
	:
}

# try_display LIT COLOURS: what a user does with a new display, from plug to unplug.
try_display() {
	before=$(layout)
	echo "# before: $before"
	count_frames
	monitor plug "$name"
	wait_until 120 "known by its name" knows_name
	describe >/out/plugged.txt
	proved "plugged while it runs: its tool says \"$name\""
	extend || die "does not extend"
	becomes "on 1280x720" extended
	layout >/out/extended.txt
	grep -qF "$(head -1 <<<"$before")" /out/extended.txt || die "the machine's own is not the first"
	wait_until 120 "a picture" shows extended "$1" "$2"
	proved "extends the desktop, the machine's own display stays first; frames arrive"
	changes "on 1024x768" use_mode 1024x768
	proved "another mode from the desktop"
	changes off disable
	changes "on 1024x768" enable
	proved "disabled and enabled from the desktop"
	changes "on 1024x768" rotate
	wait_until 120 "a rotated picture" shows rotated "$1" "$2"
	changes "on 1024x768" rotate_back
	proved "rotated from the desktop"
	monitor unplug
	wait_until 120 "forgotten" knows_no_name
	wait_until 120 "everything as before" layout_as_before
	proved "unplugged: everything as before"
	monitor plug "$name"
	wait_until 120 "known again" knows_name
	proved "plugged again"
}
