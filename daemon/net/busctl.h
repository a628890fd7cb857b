/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The few calls that the helper makes on the system bus. By the program: it has no connection of its
 * own, as nothing is to be heard there.
 */
#ifndef MIRACAST_NET_BUSCTL_H
#define MIRACAST_NET_BUSCTL_H

#include <stdbool.h>

#define NETWORK_MANAGER "org.freedesktop.NetworkManager"

/* Whether a service runs; none is started by the question. */
bool busctl_has_name(const char *name);
/* The bus reads its policy files again; they are in force on return. */
int busctl_reload(void);
/* NetworkManager reads its configuration again. */
int busctl_reload_network_manager(void);

#endif
