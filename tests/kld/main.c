/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * kld: loads the built aoe.ko into a Linux process and gives it a kernel.
 *
 *	kld [-q]			commands from standard input
 *	kld [-q] -s SOCKET		commands from a Unix socket
 *	kld -S SOCKET command...	one command to such a server
 *
 * It ends with status 0 if every command succeeded (from standard input) and
 * no rule was broken.
 */
#define	_GNU_SOURCE
#include "kld.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <ucontext.h>
#include <unistd.h>

#define	ARGS_MAX	40
#define	SEPARATOR	'\x1f'

static void
usage(void)
{

	fprintf(stderr, "usage: kld [-q] [-s socket]\n"
	    "       kld -S socket command [argument ...]\n");
	exit(2);
}

/* Treats a fault, in the module or in kld, as a panic of the kernel. */
static void
on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	char where[96], text[192];

	host_where((void *)uc->uc_mcontext.gregs[REG_RIP], where,
	    sizeof(where));
	snprintf(text, sizeof(text), "signal %d at %s, address %p", sig, where,
	    info->si_addr);
	host_panic(text);
}

static void
catch_faults(void)
{
	struct sigaction sa = { .sa_sigaction = on_fault,
	    .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGFPE, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* Splits a line into words; "double quotes" enclose a word with blanks. */
static int
split(char *line, char **argv)
{
	char *p = line;
	int n = 0;

	for (;;) {
		while (*p == ' ' || *p == '\t' || *p == '\n')
			*p++ = '\0';
		if (*p == '\0' || *p == '#' || n == ARGS_MAX)
			return (n);
		if (*p == '"') {
			argv[n++] = ++p;
			p = strchrnul(p, '"');
			if (*p == '"')
				*p++ = '\0';
			continue;
		}
		argv[n++] = p;
		p += strcspn(p, " \t\n");
	}
}

static int
from_stdin(void)
{
	char line[8192], *argv[ARGS_MAX];
	int argc, error, failed = 0;

	while (fgets(line, sizeof(line), stdin) != NULL) {
		argc = split(line, argv);
		if (argc == 0)
			continue;
		if (strcmp(argv[0], "quit") == 0)
			break;
		error = command(argc, argv, stdout);
		if (error != 0) {
			printf("%s: %s\n", argv[0], errno_name(error));
			failed++;
		}
		fflush(stdout);
	}
	return (failed);
}

/* Runs a client's command; the answer is output, a NUL, the errno as text. */
static void *
session(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char *argv[ARGS_MAX], *line = NULL, *p;
	size_t room = 0;
	ssize_t len;
	FILE *f = fdopen(fd, "r+");
	int argc = 0, error;

	kpi_thread_enter("command");
	len = getdelim(&line, &room, '\0', f);
	for (p = line; len > 0 && argc < ARGS_MAX; p = strchr(p, '\0') + 1) {
		argv[argc++] = p;
		p[strcspn(p, "\x1f")] = '\0';
		if (p + strlen(p) + 1 >= line + len)
			break;
	}
	if (argc > 0) {
		error = command(argc, argv, f);
		fprintf(f, "%c%d", '\0', error);
	}
	fclose(f);
	free(line);
	kpi_thread_leave();
	return (NULL);
}

static void
serve(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	pthread_t t;
	int s, fd;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	unlink(path);
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    listen(s, 16) != 0)
		err(1, "%s", path);
	while ((fd = accept4(s, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (pthread_create(&t, NULL, session, (void *)(intptr_t)fd) !=
		    0)
			err(1, "thread");
		pthread_detach(t);
	}
}

static int
client(const char *path, int argc, char **argv)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	FILE *f;
	int c, i, fd, error = -1;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		err(2, "%s", path);
	f = fdopen(fd, "r+");
	for (i = 0; i < argc; i++)
		fprintf(f, "%s%s", i > 0 ? "\x1f" : "", argv[i]);
	putc('\0', f);
	fflush(f);
	while ((c = getc(f)) != EOF && c != '\0')
		putchar(c);
	if (c == EOF || fscanf(f, "%d", &error) != 1)
		errx(2, "kld ended in the middle of %s", argv[0]);
	fclose(f);
	if (error != 0)
		printf("%s: %s\n", argv[0], errno_name(error));
	return (error != 0);
}

int
main(int argc, char **argv)
{
	const char *path = NULL, *to = NULL;
	int c, failed = 0;

	while ((c = getopt(argc, argv, "+qs:S:")) != -1) {
		switch (c) {
		case 'q': quiet = true; break;
		case 's': path = optarg; break;
		case 'S': to = optarg; break;
		default: usage();
		}
	}
	argc -= optind;
	argv += optind;
	if ((to != NULL) != (argc > 0))
		usage();
	if (to != NULL)
		return (client(to, argc, argv));
	setvbuf(stderr, NULL, _IOLBF, 0);
	host_uptime_ns();
	catch_faults();
	firmware_map();
	kpi_boot();
	if (path != NULL)
		serve(path);
	else
		failed = from_stdin();
	if (violations() != 0) {
		fprintf(stderr, "kld: %u violations\n", violations());
		return (1);
	}
	return (failed != 0);
}
