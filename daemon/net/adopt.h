/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where no network manager runs, wpa_supplicant has no radio on the bus, and nobody but root may give
 * it one. Does not take a radio from anybody: not where something that manages radios is on the bus,
 * and none whose interface is up, but the one that was given before: a supplicant that dies leaves it
 * so. Nothing is taken back: without a network to join, wpa_supplicant leaves the radio alone, and
 * whoever manages it later takes it over.
 */
#ifndef MIRACAST_NET_ADOPT_H
#define MIRACAST_NET_ADOPT_H

/* file: where its name is kept. -EBUSY: somebody manages radios; -ENODEV: none is free. */
int adopt_radio(const char *file);

#endif
