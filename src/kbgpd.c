/*
 * The daemon's main: options, the first load of the configuration, the rooms' wiring, signals,
 * privileges, and the end.  Nothing is decided here that another room could decide.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/memory.h"
#include "config/config.h"
#include "control/control.h"
#include "control/http.h"
#include "speaker/speaker.h"

#ifndef KBGPD_CONFIG_FILE
#define KBGPD_CONFIG_FILE "/etc/kbgpd/kbgpd.yaml"
#endif
#ifndef KBGPD_SOCKET
#define KBGPD_SOCKET "/run/kbgpd/kbgpd.sock"
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define HTTP_RETRY_MS 1000

struct options {
	const char *config_file;
	const char *socket;
	bool check_only;
	int verbose;
};

struct daemon {
	struct options options;
	struct log log;
	struct loop *loop;
	struct speaker *speaker;
	struct control *control;
	struct control_http *http; /* NULL: it is off, or cannot listen yet */
	char *http_address; /* what http is to listen on; NULL: off */
	uint16_t http_port;
	bool http_told; /* that it cannot listen */
	struct speaker_observer observer;
	struct loop_task http_task;
	struct loop_timer http_timer; /* to the next try; runs as long as it cannot listen */
	bool stopping;
};

static void print_usage(FILE *to)
{
	fputs("usage: kbgpd [-c FILE] [-s SOCKET] [-n] [-v...] [-V]\n"
	      "  -c FILE    configuration (default " KBGPD_CONFIG_FILE ")\n"
	      "  -s SOCKET  control socket (default " KBGPD_SOCKET ")\n"
	      "  -n         check the configuration, print every error, and exit\n"
	      "  -v         log more than the configuration says; twice: debug\n"
	      "  -V         print the version and exit\n",
	    to);
}

/* Returns an exit status, or -1 to go on. */
static int parse_options(int argc, char **argv, struct options *options)
{
	int option;

	while ((option = getopt(argc, argv, "c:s:nvVh")) != -1) {
		switch (option) {
		case 'c':
			options->config_file = optarg;
			break;
		case 's':
			options->socket = optarg;
			break;
		case 'n':
			options->check_only = true;
			break;
		case 'v':
			options->verbose++;
			break;
		case 'V':
			puts("kbgpd " PACKAGE_VERSION);
			return EXIT_DONE;
		case 'h':
			print_usage(stdout);
			return EXIT_DONE;
		default:
			print_usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "kbgpd: unexpected argument '%s'\n", argv[optind]);
		print_usage(stderr);
		return EXIT_USAGE;
	}
	return -1;
}

/* The configuration, or NULL after every error has been printed. */
static struct config *load_config(
    const struct options *options, const struct config_environment *environment)
{
	struct text errors = {0};
	struct config *config = config_load(options->config_file, environment, &errors);

	if (!config)
		fputs(errors.string, stderr);
	text_free(&errors);
	return config;
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/*
 * Keeps what the daemon needs for as long as it runs: the routing table, BGP's port, and files of
 * other owners.  Everything else goes, also for whatever it might ever execute.
 */
static bool drop_privileges(struct error *error)
{
	static const cap_value_t kept[] = {
	    CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_DAC_READ_SEARCH};
	cap_t have = cap_get_proc();
	cap_t want = cap_init();
	bool good = have && want;

	for (size_t i = 0; good && i < sizeof kept / sizeof kept[0]; i++) {
		cap_flag_value_t value = CAP_CLEAR;

		cap_get_flag(have, kept[i], CAP_PERMITTED, &value);
		if (value == CAP_SET)
			good = !cap_set_flag(want, CAP_PERMITTED, 1, &kept[i], CAP_SET) &&
			       !cap_set_flag(want, CAP_EFFECTIVE, 1, &kept[i], CAP_SET);
	}
	good = good && cap_set_proc(want) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	if (!good)
		error_set(error, "cannot drop privileges: %s", strerror(errno));
	cap_free(have);
	cap_free(want);
	return good;
}

/*
 * A failure costs only the metrics, and may pass: the address can come to this node later, and the
 * daemon that has the port go.  The latter is no event, so time has it tried again.
 */
static void listen_http(void *arg)
{
	struct daemon *daemon = arg;
	const char *address = daemon->http_address;
	struct error error;

	daemon->http =
	    control_http_new(daemon->loop, daemon->speaker, address, daemon->http_port, &error);
	if (daemon->http) {
		if (daemon->http_told)
			log_write(&daemon->log, LOG_LEVEL_INFO, "metrics",
			    "listening on %s port %u", *address ? address : "any address",
			    daemon->http_port);
		return;
	}
	if (!daemon->http_told)
		log_write(&daemon->log, LOG_LEVEL_ERROR, "metrics", "%s; it is tried every second",
		    error.text);
	daemon->http_told = true;
	loop_timer_start(&daemon->http_timer, HTTP_RETRY_MS);
}

/* Listens where the configuration says now. */
static void apply_http(void *arg)
{
	struct daemon *daemon = arg;
	const struct config *config = speaker_config(daemon->speaker);
	const char *address = config->metrics_address;

	if (daemon->http_address && address && daemon->http_port == config->metrics_port &&
	    strcmp(daemon->http_address, address) == 0)
		return;
	loop_timer_stop(&daemon->http_timer);
	control_http_free(daemon->http);
	free(daemon->http_address);
	daemon->http = NULL;
	daemon->http_address = NULL;
	daemon->http_told = false;
	if (!address)
		return;
	daemon->http_address = memory_copy_string(address);
	daemon->http_port = config->metrics_port;
	listen_http(daemon);
}

static void speaker_event(void *arg, const struct speaker_event *event)
{
	struct daemon *daemon = arg;

	if (event->kind == SPEAKER_CONFIG_LOADED)
		loop_task_schedule(daemon->loop, &daemon->http_task);
}

static void reload(void *arg)
{
	struct daemon *daemon = arg;
	struct text errors = {0};

	speaker_reload(daemon->speaker, &errors);
	text_free(&errors);
}

static void stopped(void *arg)
{
	struct daemon *daemon = arg;

	loop_stop(daemon->loop);
}

static void stop(void *arg)
{
	struct daemon *daemon = arg;

	if (!daemon->stopping)
		log_write(&daemon->log, LOG_LEVEL_INFO, NULL, "stopping");
	daemon->stopping = true;
	speaker_stop(daemon->speaker, stopped, daemon);
}

static bool start(struct daemon *daemon, struct config *config,
    const struct config_environment *environment, struct error *error)
{
	struct speaker_options options = {.loop = daemon->loop,
	    .log = &daemon->log,
	    .config_file = daemon->options.config_file,
	    .environment = *environment,
	    .service_host = getenv("KUBERNETES_SERVICE_HOST"),
	    .service_port = getenv("KUBERNETES_SERVICE_PORT"),
	    .verbosity = daemon->options.verbose};

	/* From now on a signal waits for the loop. */
	loop_signal(daemon->loop, SIGHUP, reload, daemon);
	loop_signal(daemon->loop, SIGTERM, stop, daemon);
	loop_signal(daemon->loop, SIGINT, stop, daemon);
	if (getrandom(&options.hash_seed, sizeof options.hash_seed, 0) < 0)
		options.hash_seed = (uint64_t)getpid();
	daemon->speaker = speaker_new(&options, config, error);
	if (!daemon->speaker)
		return false;
	daemon->control = control_new(daemon->loop, daemon->speaker, daemon->options.socket, error);
	if (!daemon->control || !drop_privileges(error))
		return false;
	daemon->observer = (struct speaker_observer){.event = speaker_event, .arg = daemon};
	speaker_add_observer(daemon->speaker, &daemon->observer);
	loop_task_init(&daemon->http_task, apply_http, daemon);
	loop_timer_init(daemon->loop, &daemon->http_timer, listen_http, daemon);
	apply_http(daemon);
	return true;
}

static int run(
    struct daemon *daemon, struct config *config, const struct config_environment *environment)
{
	struct error error = {""};
	bool good;

	daemon->loop = loop_new();
	good = start(daemon, config, environment, &error);
	if (good) {
		log_write(&daemon->log, LOG_LEVEL_INFO, NULL,
		    "kbgpd " PACKAGE_VERSION " on node %s, AS %u",
		    speaker_config(daemon->speaker)->node_name, speaker_asn(daemon->speaker));
		good = loop_run(daemon->loop);
	} else {
		log_write(&daemon->log, LOG_LEVEL_ERROR, NULL, "%s", error.text);
	}
	loop_timer_free(&daemon->http_timer);
	control_http_free(daemon->http);
	if (daemon->control)
		control_free(daemon->control);
	if (daemon->speaker)
		speaker_free(daemon->speaker);
	free(daemon->http_address);
	loop_free(daemon->loop);
	return good ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct daemon daemon = {
	    .options = {.config_file = KBGPD_CONFIG_FILE, .socket = KBGPD_SOCKET},
	    .log = {.level = LOG_LEVEL_INFO}};
	char host_name[HOST_NAME_MAX + 1] = "";
	struct config_environment environment = {getenv("NODE_NAME"), host_name};
	struct config *config;
	int status = parse_options(argc, argv, &daemon.options);

	if (status >= 0)
		return status;
	memory_set_up();
	gethostname(host_name, sizeof host_name - 1);
	config = load_config(&daemon.options, &environment);
	if (!config)
		return EXIT_USAGE;
	if (daemon.options.check_only) {
		config_free(config);
		return EXIT_DONE;
	}
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	return run(&daemon, config, &environment);
}
