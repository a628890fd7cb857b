/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In place of SystemTap's: a probe calls test-trace.c. */
#ifndef TEST_SDT_H
#define TEST_SDT_H

#include <stdint.h>

void on_probe(const char *provider, const char *name, uint64_t number, uint64_t at_ns);

#define DTRACE_PROBE2(provider, name, number, at_ns) on_probe(#provider, #name, number, at_ns)

#endif
