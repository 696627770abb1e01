/*
 * The service account is three files and two variables of the environment; a kubeconfig is one file
 * that may name others (kubeconfig.c).
 *
 * Everything is read each time: the files are small and in memory (the kubelet mounts them from
 * tmpfs), requests are few, and a token that has rotated, or a new certificate authority, is in use
 * with the next request without anybody having to watch for it.
 */
#include "k8s/access.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/file.h"
#include "base/memory.h"

static char *join(const char *folder, const char *name, char path[static PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

static bool set_service(
    struct k8s_access *access, const struct k8s_access_settings *settings, struct error *error)
{
	struct ip_address address;
	const char *host = settings->service_host;

	if (!host || !host[0] || !settings->service_port)
		return error_set(error,
		    "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no "
		    "pod; set cluster.kubeconfig to a kubeconfig");
	if (!k8s_parse_port(settings->service_port, &access->server.port))
		return error_set(error, "KUBERNETES_SERVICE_PORT: \"%.100s\" is no port",
		    settings->service_port);
	if (!k8s_is_host(host) || (strchr(host, ':') && !ip_address_parse(host, &address)))
		return error_set(error,
		    "KUBERNETES_SERVICE_HOST: \"%.100s\" is no address and no DNS name", host);
	access->server.host = memory_copy_string(host);
	access->server.path = memory_copy_string("");
	return true;
}

static bool read_service_account(
    struct k8s_access *access, const struct k8s_access_settings *settings, struct error *error)
{
	const char *folder =
	    settings->service_account ? settings->service_account : K8S_SERVICE_ACCOUNT_FOLDER;
	char path[PATH_MAX];
	size_t length;

	if (!settings->server_count && !set_service(access, settings, error))
		return false;
	join(folder, "token", path);
	access->token = k8s_access_take_token(k8s_access_read_file(path, error), path, error);
	if (!access->token)
		return error_prepend(error, "the pod's service account");
	access->authorities = k8s_access_read_file(join(folder, "ca.crt", path), error);
	if (!access->authorities)
		return error_prepend(error, "the pod's service account");
	/* Nothing needs it so far that could not do without. */
	access->namespace = file_read(join(folder, "namespace", path), NAME_MAX, &length);
	if (access->namespace)
		access->namespace[strcspn(access->namespace, "\r\n")] = '\0';
	if (!access->namespace || !*access->namespace) {
		free(access->namespace);
		access->namespace = memory_copy_string("default");
	}
	return true;
}

static struct k8s_access *load_kubeconfig(const char *path, struct error *error)
{
	char *text = k8s_access_read_file(path, error);
	char *folder = memory_copy_string(path);
	char *slash = strrchr(folder, '/');
	struct k8s_access *access = NULL;

	if (text) {
		if (slash)
			slash[slash == folder] = '\0';
		access = k8s_kubeconfig_decode(text, strlen(text), slash ? folder : ".", error);
		if (!access)
			error_prepend(error, "kubeconfig %s", path);
		/* It may hold keys. */
		explicit_bzero(text, strlen(text));
	}
	free(text);
	free(folder);
	return access;
}

/* Where it is said which servers there are, the one that the credentials come with is not asked. */
static bool choose_server(struct k8s_access *access, const struct k8s_access_settings *settings,
    size_t attempt, struct error *error)
{
	struct k8s_server server;

	if (!settings->server_count)
		return true;
	if (!k8s_server_parse(settings->servers[attempt % settings->server_count], &server, error))
		return false;
	free(access->server.host);
	free(access->server.path);
	access->server = server;
	return true;
}

struct k8s_access *k8s_access_load(
    const struct k8s_access_settings *settings, size_t attempt, struct error *error)
{
	struct k8s_access *access;
	bool good;

	if (settings->kubeconfig && settings->kubeconfig[0]) {
		access = load_kubeconfig(settings->kubeconfig, error);
		good = access != NULL;
	} else {
		access = memory_allocate_zero(1, sizeof(*access));
		good = read_service_account(access, settings, error);
	}
	if (good && choose_server(access, settings, attempt, error))
		return access;
	k8s_access_free(access);
	return NULL;
}
