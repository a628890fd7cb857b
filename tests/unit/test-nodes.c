// SPDX-License-Identifier: GPL-2.0-or-later
/* Which GPU is looked at first: a machine is made of files in a folder, of any number of GPUs. */
#include "media/nodes.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NODES_MAX 8

static char root[] = "/tmp/miracast-nodes-XXXXXX";

static void write_file(const char *folder, const char *name, const char *content)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "mkdir -p %s/%s", root, folder);
	assert_int_equal(system(path), 0); /* NOLINT: a path of our own */
	(void)snprintf(path, sizeof(path), "%s/%s/%s", root, folder, name);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs(content, f);
	assert_int_equal(fclose(f), 0);
}

/* boot_vga: as the kernel has it for a GPU on PCI; NULL: one that is not. */
static void add_gpu(int number, const char *boot_vga)
{
	char name[32], folder[64];

	(void)snprintf(name, sizeof(name), "renderD%d", number);
	write_file("dev/dri", name, name + strlen("renderD"));
	(void)snprintf(folder, sizeof(folder), "sys/class/drm/%s/device", name);
	if (boot_vga)
		write_file(folder, "boot_vga", boot_vga);
}

static int get_number(int fd)
{
	char text[16] = "";

	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	return atoi(text); /* NOLINT: written by us */
}

static void expect(const char *configured, const int *numbers, size_t count)
{
	int nodes[NODES_MAX];

	assert_int_equal(nodes_open(root, configured, nodes, NODES_MAX), count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(get_number(nodes[i]), numbers[i]);
		assert_int_equal(fcntl(nodes[i], F_GETFD), FD_CLOEXEC);
		(void)close(nodes[i]);
	}
}

static void test_nodes(void **state)
{
	char configured[64], command[64];

	(void)state;
	assert_non_null(mkdtemp(root));
	expect(NULL, NULL, 0);
	add_gpu(129, NULL);
	add_gpu(128, "0\n");
	expect("", (const int[]){ 128, 129 }, 2);
	add_gpu(130, "1\n");
	expect(NULL, (const int[]){ 130, 128, 129 }, 3);
	(void)snprintf(configured, sizeof(configured), "%s/dev/dri/renderD129", root);
	expect(configured, (const int[]){ 129 }, 1);
	expect("/nowhere", NULL, 0);
	for (int i = 131; i < 140; i++) /* more than anybody has */
		add_gpu(i, NULL);
	expect(NULL, (const int[]){ 130, 128, 129, 131, 132, 133, 134, 135 }, NODES_MAX);
	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0); /* NOLINT: a path of our own */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_nodes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
