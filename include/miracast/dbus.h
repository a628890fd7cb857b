/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every D-Bus name of the product, for the daemon, the command line and whoever writes a user
 * interface. The stem can be changed by one meson option (dbus_name), which defines
 * MIRACAST_DBUS_NAME; nothing else spells these names.
 */
#ifndef MIRACAST_DBUS_H
#define MIRACAST_DBUS_H

#ifndef MIRACAST_DBUS_NAME
#define MIRACAST_DBUS_NAME "org.miracastd1"
#endif
#ifndef MIRACAST_DBUS_PATH
#define MIRACAST_DBUS_PATH "/org/miracastd1" /* the name with slashes */
#endif

/* Objects: the manager, below it sinks and sessions; ObjectManager is at MIRACAST_DBUS_PATH. */
#define MIRACAST_DBUS_SINK_PATH	   MIRACAST_DBUS_PATH "/sink"
#define MIRACAST_DBUS_SESSION_PATH MIRACAST_DBUS_PATH "/session"

#define MIRACAST_DBUS_MANAGER MIRACAST_DBUS_NAME ".Manager"
#define MIRACAST_DBUS_SINK    MIRACAST_DBUS_NAME ".Sink"
#define MIRACAST_DBUS_SESSION MIRACAST_DBUS_NAME ".Session"
#define MIRACAST_DBUS_AGENT   MIRACAST_DBUS_NAME ".Agent"

/* polkit's actions: see systemd/polkit.policy.in. */
#define MIRACAST_DBUS_ACTION_DISCOVER MIRACAST_DBUS_NAME ".discover"
#define MIRACAST_DBUS_ACTION_CONNECT  MIRACAST_DBUS_NAME ".connect"
#define MIRACAST_DBUS_ACTION_MANAGE   MIRACAST_DBUS_NAME ".manage"
#define MIRACAST_DBUS_ACTION_MONITOR  MIRACAST_DBUS_NAME ".monitor"

/* Errors: each message says what failed, at which stage, and what the user can do. */
#define MIRACAST_DBUS_ERROR		   MIRACAST_DBUS_NAME ".Error"
#define MIRACAST_DBUS_ERROR_BUSY	   MIRACAST_DBUS_ERROR ".Busy"
#define MIRACAST_DBUS_ERROR_NO_DEVICE	   MIRACAST_DBUS_ERROR ".NoDevice"
#define MIRACAST_DBUS_ERROR_NO_ENCODER	   MIRACAST_DBUS_ERROR ".NoEncoder"
#define MIRACAST_DBUS_ERROR_BANDWIDTH	   MIRACAST_DBUS_ERROR ".InsufficientBandwidth"
#define MIRACAST_DBUS_ERROR_NO_MODE	   MIRACAST_DBUS_ERROR ".NoCommonMode"
#define MIRACAST_DBUS_ERROR_TIMEOUT	   MIRACAST_DBUS_ERROR ".Timeout"
#define MIRACAST_DBUS_ERROR_PROTOCOL	   MIRACAST_DBUS_ERROR ".Protocol"
#define MIRACAST_DBUS_ERROR_CONNECTION	   MIRACAST_DBUS_ERROR ".ConnectionLost"
#define MIRACAST_DBUS_ERROR_CANCELLED	   MIRACAST_DBUS_ERROR ".Cancelled"
#define MIRACAST_DBUS_ERROR_NOT_AUTHORIZED MIRACAST_DBUS_ERROR ".NotAuthorized"
#define MIRACAST_DBUS_ERROR_INVALID	   MIRACAST_DBUS_ERROR ".InvalidArgument"
#define MIRACAST_DBUS_ERROR_IN_PROGRESS	   MIRACAST_DBUS_ERROR ".InProgress"
#define MIRACAST_DBUS_ERROR_NOT_FOUND	   MIRACAST_DBUS_ERROR ".NotFound"
#define MIRACAST_DBUS_ERROR_NOT_SUPPORTED  MIRACAST_DBUS_ERROR ".NotSupported"
#define MIRACAST_DBUS_ERROR_LIMITS	   MIRACAST_DBUS_ERROR ".LimitsExceeded"
#define MIRACAST_DBUS_ERROR_FAILED	   MIRACAST_DBUS_ERROR ".Failed"

#endif
