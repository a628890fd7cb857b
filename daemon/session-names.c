// SPDX-License-Identifier: GPL-2.0-or-later
/* The words for the contract's enumerations, as logs, reports and D-Bus show them. */
#include "miracast/session.h"

const char *session_state_to_string(enum session_state state)
{
	switch (state) {
	case SESSION_STOPPED:
		return "stopped";
	case SESSION_START_PENDING:
		return "start-pending";
	case SESSION_STARTED:
		return "started";
	case SESSION_STOP_PENDING:
		return "stop-pending";
	}
	return "unknown";
}

const char *session_end_reason_to_string(enum session_end_reason reason)
{
	switch (reason) {
	case SESSION_END_CRITICAL:
		return "critical-error";
	case SESSION_END_MISSING_KEEPALIVE:
		return "missing-keepalive";
	case SESSION_END_SINK_REQUEST:
		return "sink-disconnect-request";
	case SESSION_END_BANDWIDTH:
		return "insufficient-bandwidth";
	case SESSION_END_MODE:
		return "sink-failed-mode-change";
	case SESSION_END_COMPANION:
		return "companion-disconnect";
	case SESSION_END_USER:
		return "user-request";
	case SESSION_END_SOURCE:
		return "end-of-source";
	}
	return "unknown";
}

const char *session_stage_to_string(enum session_stage stage)
{
	switch (stage) {
	case SESSION_STAGE_CREATE:
		return "create";
	case SESSION_STAGE_RTSP:
		return "RTSP";
	case SESSION_STAGE_MODE:
		return "mode choice";
	case SESSION_STAGE_DISPLAY:
		return "display";
	case SESSION_STAGE_CAPTURE:
		return "capture";
	case SESSION_STAGE_CONVERT:
		return "conversion";
	case SESSION_STAGE_ENCODE:
		return "encoder";
	case SESSION_STAGE_SEND:
		return "sending";
	case SESSION_STAGE_STREAMING:
		return "streaming";
	}
	return "unknown";
}

const char *session_display_to_string(enum session_display display)
{
	switch (display) {
	case SESSION_DISPLAY_NONE:
		return "none";
	case SESSION_DISPLAY_WAITING:
		return "waiting";
	case SESSION_DISPLAY_OFF_IN_DESKTOP:
		return "off-in-desktop";
	case SESSION_DISPLAY_ON:
		return "on";
	case SESSION_DISPLAY_GRACE:
		return "switched-off";
	case SESSION_DISPLAY_ASLEEP:
		return "asleep";
	}
	return "unknown";
}
