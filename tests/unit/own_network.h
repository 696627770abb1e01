/*
 * A network of its own for a test that listens on ports of its choice: whatever else runs on the
 * machine, the same test for one, may have them.  Who may not have it takes the one there is.
 */
#ifndef TESTS_UNIT_OWN_NETWORK_H
#define TESTS_UNIT_OWN_NETWORK_H

#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* With the loopback alone; false if that does not come up. */
static inline bool own_network(void)
{
	struct ifreq up = {.ifr_flags = IFF_UP | IFF_RUNNING};
	bool good;
	int fd;

	if (unshare(CLONE_NEWNET))
		return true;
	strcpy(up.ifr_name, "lo");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	good = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &up);
	close(fd);
	return good;
}

#endif
