// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * miracast-net: the address, the firewall and DHCP of a Wi-Fi Direct interface, and NetworkManager's
 * leaving it alone, for miracastd, which has no privilege; and a radio for wpa_supplicant, where
 * nobody manages one. Takes requests of miracast/net.h from one user; serves one connection at a
 * time; its end undoes what was done for a group. Started by systemd's socket it
 * leaves when nobody needs it.
 */
#include "miracast/net.h"
#include "net/adopt.h"
#include "net/firewall.h"
#include "net/group.h"
#include "net/hush.h"
#include "net/steady.h"
#include "util/cleanup.h"
#include "util/log.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#define EXIT_USAGE 2
#define STATE_DIR  "/run/miracast-net"
#define ADOPTED    STATE_DIR "/adopted"
#define HUSH_FILE  STATE_DIR "/hush.conf" /* miracast-dbus.conf includes it */

struct server {
	sd_event *event;
	uid_t user; /* who may ask */
	bool is_activated;
	int listen_fd;
	int fd; /* the one connection; -1 */
	sd_event_source *source;
	struct group *group; /* lives as long as the connection */
};

static int on_packet(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* ---------------------------------------------------------------- one connection */

static void disconnect(struct server *s)
{
	s->source = sd_event_source_disable_unref(s->source);
	s->fd = close_fd(s->fd);
	s->group = group_free(s->group);
	hush_end(HUSH_FILE);
	if (s->is_activated)
		(void)sd_event_exit(s->event, 0);
}

static void on_reply(void *userdata, const struct net_reply *reply)
{
	struct server *s = userdata;

	/* Who does not read has gone; the end of the connection says so too. */
	(void)send(s->fd, reply, sizeof(*reply), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static const struct group_ops group_ops = { .reply = on_reply };

static void serve(struct server *s, const struct net_request *request)
{
	struct net_reply reply = { .version = NET_VERSION, .verb = request->verb };

	if (request->version == NET_VERSION && request->verb == NET_UP) {
		group_up(s->group, request);
		hush_end(HUSH_FILE); /* the group has started */
		return;
	}
	if (request->version == NET_VERSION && request->verb == NET_DOWN)
		group_down(s->group);
	else if (request->version == NET_VERSION && request->verb == NET_HUSH) {
		keep_steady();
		reply.error = hush_begin(HUSH_FILE);
	} else if (request->version == NET_VERSION && request->verb == NET_ADOPT)
		reply.error = adopt_radio(ADOPTED);
	else
		reply.error = -EOPNOTSUPP;
	on_reply(s, &reply);
}

static int on_packet(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct server *s = userdata;
	struct net_request request;
	ssize_t n = recv(fd, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

	(void)source;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != sizeof(request))
		disconnect(s);
	else
		serve(s, &request);
	return 0;
}

static int check_peer(const struct server *s, int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (peer.uid != s->user)
		return log_warning(-EPERM, "uid %u may not ask; only %u may", peer.uid, s->user);
	return 0;
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t revents, void *userdata)
{
	struct server *s = userdata;
	_cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int r;

	(void)source;
	(void)revents;
	/* Its closing is the answer to a second one and to a stranger. */
	if (fd < 0 || s->fd >= 0 || check_peer(s, fd) < 0)
		return 0;
	r = group_new(s->event, STATE_DIR, &group_ops, s, &s->group);
	if (r >= 0)
		r = sd_event_add_io(s->event, &s->source, fd, EPOLLIN, on_packet, s);
	/* Its end is seen before the next one, which may come at once. */
	if (r >= 0)
		r = sd_event_source_set_priority(s->source, SD_EVENT_PRIORITY_IMPORTANT);
	if (r < 0) {
		s->source = sd_event_source_disable_unref(s->source);
		s->group = group_free(s->group);
		return 0;
	}
	s->fd = TAKE_FD(fd);
	return 0;
}

/* ---------------------------------------------------------------- start */

static int listen_at(const char *path, uid_t user)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chown(path, user, (gid_t)-1) < 0 || chmod(path, 0600) < 0 || listen(fd, 4) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int find_user(const char *name, uid_t *ret)
{
	const struct passwd *entry = getpwnam(name);

	if (!entry)
		return -ESRCH;
	*ret = entry->pw_uid;
	return 0;
}

static int run(struct server *s, const char *path)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGCHLD };
	_cleanup_(sd_event_unrefp) sd_event *event = NULL;
	sigset_t set;
	int r;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaddset(&set, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)mkdir(STATE_DIR, 0755);
	s->is_activated = sd_listen_fds(1) == 1;
	s->listen_fd = s->is_activated ? SD_LISTEN_FDS_START : listen_at(path, s->user);
	if (s->listen_fd < 0)
		return log_err(s->listen_fd, "cannot listen at %s: %s", path,
			       strerror(-s->listen_fd));
	r = sd_event_default(&event);
	if (r < 0)
		return log_err(r, "cannot make an event loop: %s", strerror(-r));
	s->event = event;
	(void)sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	(void)sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	r = sd_event_add_io(event, NULL, s->listen_fd, EPOLLIN, on_connection, s);
	if (r < 0)
		return log_err(r, "cannot watch the socket: %s", strerror(-r));
	firewall_clean();
	hush_end(HUSH_FILE);
	(void)sd_notify(0, "READY=1");
	r = sd_event_loop(event);
	s->is_activated = false;
	disconnect(s);
	return r;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "user", required_argument, NULL, 'u' },
		{ "verbose", no_argument, NULL, 'v' },
		{ 0 },
	};
	struct server s = { .fd = -1, .listen_fd = -1 };
	const char *path = NET_SOCKET, *user = "miracast";
	int option;

	log_set_name("miracast-net");
	while ((option = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		if (option == 's')
			path = optarg;
		else if (option == 'u')
			user = optarg;
		else if (option == 'v')
			log_set_level(LOG_LEVEL_DEBUG);
		else
			return EXIT_USAGE;
	}
	if (optind < argc) {
		(void)log_err(-EINVAL, "usage: miracast-net [--socket PATH] [--user NAME] [-v]");
		return EXIT_USAGE;
	}
	if (find_user(user, &s.user) < 0) {
		(void)log_err(-ESRCH, "there is no user \"%s\"", user);
		return EXIT_FAILURE;
	}
	return run(&s, path) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
