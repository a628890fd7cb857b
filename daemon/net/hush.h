/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * NetworkManager must not hear that a group of ours has started. It makes an object for the interface
 * of each group whose start wpa_supplicant tells, and when it did not ask for the group it drops the
 * object, and with that removes the interface. No device's being unmanaged changes this: the
 * station's is what listens. So while a group is made, the bus does not carry this one signal to it.
 *
 * The rule is a file that our bus policy includes. Does not know which group, or when it starts.
 */
#ifndef MIRACAST_NET_HUSH_H
#define MIRACAST_NET_HUSH_H

/* In force on return; nothing is done where NetworkManager does not run. */
int hush_begin(const char *file);
/* Without one: nothing. Also for what an earlier helper left. */
void hush_end(const char *file);

#endif
