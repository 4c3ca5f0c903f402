/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * The control device and sysctl of a module in kld, for an aoectl that is
 * built for Linux.  AOECTL_KLD names kld's socket; AOECTL_AS holds options of
 * its ioctl command, -j or -u 1001, to be somebody else.
 */
#include <sys/types.h>
#include <sys/ioccom.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os.h"

/* FreeBSD's errnos that Linux numbers otherwise. */
static int
errno_of(int fbsd)
{

	switch (fbsd) {
	case 35: return (EAGAIN);
	case 40: return (EMSGSIZE);
	case 45: return (EOPNOTSUPP);
	case 50: return (ENETDOWN);
	case 60: return (ETIMEDOUT);
	default: return (fbsd);
	}
}

/* One command; its output is left in `*out`, which the caller frees. */
static int
kld(char **out, ...)
{
	const char *path = getenv("AOECTL_KLD"), *word;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t room = 0;
	bool first = true;
	int error = -1, fd;
	va_list ap;
	FILE *f;

	if (path == NULL)
		errx(71, "AOECTL_KLD names no socket");
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		err(71, "%s", path);
	f = fdopen(fd, "r+");
	va_start(ap, out);
	while ((word = va_arg(ap, const char *)) != NULL) {
		fprintf(f, "%s%s", first ? "" : "\x1f", word);
		first = false;
	}
	va_end(ap);
	putc('\0', f);
	fflush(f);
	*out = NULL;
	if (getdelim(out, &room, '\0', f) < 0 || fscanf(f, "%d", &error) != 1)
		errx(71, "kld ended");
	fclose(f);
	return (errno_of(error));
}

/* AOECTL_AS, as words of the command. */
static int
ask_device(char **out, const char *request, const char *data)
{
	const char *as = getenv("AOECTL_AS");

	if (as == NULL || *as == '\0')
		return (kld(out, "ioctl", "aoectl", request, data, NULL));
	if (strncmp(as, "-u ", 3) == 0)
		return (kld(out, "ioctl", "-u", as + 3, "aoectl", request,
		    data, NULL));
	return (kld(out, "ioctl", as, "aoectl", request, data, NULL));
}

/* Nothing stays open in kld: every request opens the device. */
int
os_open(void)
{
	char *out;
	int error;

	error = ask_device(&out, "0", "");
	free(out);
	return (error == ENOTTY ? 0 : error);
}

int
os_ioctl(unsigned long request, void *data)
{
	unsigned char *bytes = data;
	size_t i, size = KLD_IOC_SIZE(request);
	char number[32], *hex, *out;
	unsigned b;
	int error;

	snprintf(number, sizeof(number), "%#lx", request);
	hex = calloc(2, size + 1);
	for (i = 0; i < size; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	error = ask_device(&out, number, hex);
	for (i = 0; error == 0 && i < size; i++)
		if (sscanf(out + 2 * i, "%2x", &b) == 1)
			bytes[i] = (unsigned char)b;
	free(hex);
	free(out);
	return (error);
}

int
os_sysctl_get(const char *name, char *value, size_t size)
{
	char *out;
	int error;

	error = kld(&out, "sysctl", name, NULL);
	out[strcspn(out, "\n")] = '\0';
	snprintf(value, size, "%s", out);
	free(out);
	return (error);
}

int
os_sysctl_set(const char *name, const char *value)
{
	char *both, *out;
	int error;

	if (asprintf(&both, "%s=%s", name, value) < 0)
		return (ENOMEM);
	error = kld(&out, "sysctl", both, NULL);
	free(both);
	free(out);
	return (error);
}

int
os_sysctl_each(const char *prefix, void (*say)(const char *, const char *))
{
	char *colon, *line, *next, *out;
	int error;

	error = kld(&out, "sysctl", "-a", prefix, NULL);
	for (next = out; error == 0 && (line = strsep(&next, "\n")) != NULL;) {
		colon = strstr(line, ": ");
		if (colon == NULL)
			continue;
		*colon = '\0';
		say(line, colon + 2);
	}
	free(out);
	return (error);
}
