/*
 * "123e4567-e89b-12d3-a456-426614174000": 8, 4, 4, 4 and 12 digits.
 */
#include "k8s/uid.h"

#include <stdio.h>
#include <string.h>

static bool is_dash(size_t at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

/* -1: it is none, or a capital, which would not be printed so. */
static int digit_value(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = digit ? strchr(digits, digit) : NULL;

	return found ? (int)(found - digits) : -1;
}

struct k8s_uid k8s_uid_parse(const char *text)
{
	struct k8s_uid uid = {{0}};
	size_t count = 0;

	if (!text || strlen(text) != K8S_UID_TEXT_MAX - 1)
		return uid;
	for (size_t at = 0; text[at]; at++) {
		const int value = digit_value(text[at]);

		if (is_dash(at) ? text[at] != '-' : value < 0)
			return (struct k8s_uid){{0}};
		if (is_dash(at))
			continue;
		uid.bytes[count / 2] = (uint8_t)(uid.bytes[count / 2] << 4 | value);
		count++;
	}
	return uid;
}

bool k8s_uid_is_known(const struct k8s_uid *uid)
{
	static const struct k8s_uid zero;

	return memcmp(uid, &zero, sizeof(zero)) != 0;
}

const char *k8s_uid_print(const struct k8s_uid *uid, char text[static K8S_UID_TEXT_MAX])
{
	size_t length = 0;

	for (size_t i = 0; i < sizeof(uid->bytes); i++) {
		if (is_dash(length))
			text[length++] = '-';
		snprintf(text + length, 3, "%02x", uid->bytes[i]);
		length += 2;
	}
	return text;
}
