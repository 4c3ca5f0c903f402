/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * Device nodes: make_dev_s(9), destroy_dev(9), and ioctls on them.
 */
#include "kpi.h"

#include <sys/conf.h>
#include <sys/fcntl.h>
#include <sys/ioccom.h>
#include <sys/jail.h>
#include <sys/stdarg.h>
#include <sys/ucred.h>

struct kdev {
	struct cdev	 dev;		/* first: the module's pointer */
	struct cdevsw	*sw;
	struct make_dev_args args;
	char		 name[32];
	volatile u_int	 inside;	/* threads in the module's functions */
	struct kdev	*next;
};

static struct kmutex lock;
static struct kdev *devs;

void
make_dev_args_init_impl(struct make_dev_args *args, size_t size)
{

	memset(args, 0, size);
	args->mda_size = size;
}

static struct kdev **
find(const char *name)
{
	struct kdev **d;

	for (d = &devs; *d != NULL; d = &(*d)->next)
		if (strcmp((*d)->name, name) == 0)
			break;
	return (d);
}

int
make_dev_s(struct make_dev_args *args, struct cdev **out, const char *fmt, ...)
{
	struct kdev *d, **end;
	va_list ap;

	if ((args->mda_flags & MAKEDEV_WAITOK) != 0 &&
	    (args->mda_flags & MAKEDEV_NOWAIT) != 0)
		kpi_violation(CALLER, "make_dev_s that may and may not wait");
	if ((args->mda_flags & MAKEDEV_NOWAIT) == 0)
		kpi_may_sleep(CALLER, "make_dev_s(MAKEDEV_WAITOK)");
	if (args->mda_devsw->d_version != D_VERSION)
		kpi_violation(CALLER, "cdevsw of another version");
	d = host_alloc(sizeof(*d));
	d->args = *args;
	d->sw = args->mda_devsw;
	va_start(ap, fmt);
	host_format(d->name, sizeof(d->name), fmt, ap);
	va_end(ap);
	kpi_lock(&lock);
	end = find(d->name);
	if (*end == NULL)
		*end = d;
	kpi_unlock(&lock);
	if (*end != d) {
		if ((args->mda_flags & MAKEDEV_CHECKNAME) == 0)
			kpi_violation(CALLER, "device %s made twice", d->name);
		host_free(d);
		return (EEXIST);
	}
	*out = &d->dev;
	ledger_add(LEDGER_DEV, d, d->name, CALLER);
	return (0);
}

void
destroy_dev(struct cdev *dev)
{
	struct kdev *d = (struct kdev *)dev;
	int i;

	kpi_may_sleep(CALLER, "destroy_dev()");
	kpi_lock(&lock);
	*find(d->name) = d->next;
	kpi_unlock(&lock);
	for (i = 0; d->inside != 0; i++) {
		if (i == 5000)
			kpi_violation(CALLER, "a thread stays in %s", d->name);
		host_sleep_ns(1000000);
	}
	if (ledger_remove(LEDGER_DEV, d, CALLER))
		host_free(d);
}

/* Opens a node, and sends it an ioctl. */
static int
open_and_ask(struct kdev *d, u_long cmd, void *data)
{
	int error = 0;

	if (d->sw->d_open != NULL)
		error = d->sw->d_open(&d->dev, FREAD | FWRITE, 0, curthread);
	if (error == 0 && d->sw->d_ioctl == NULL)
		error = ENOTTY;
	if (error == 0)
		error = d->sw->d_ioctl(&d->dev, cmd, data, FREAD | FWRITE,
		    curthread);
	if (error == ERESTART)
		error = EINTR;
	return (error);
}

int
kpi_ioctl(const char *name, unsigned long cmd, void *data, unsigned uid,
    int jailed)
{
	struct prison jail;
	struct ucred cred, *old = curthread->td_ucred;
	struct kdev *d;
	int error = 0;

	kpi_lock(&lock);
	d = *find(name);
	if (d == NULL)
		error = ENOENT;
	else if (uid != (u_int)d->args.mda_uid && uid != 0 &&
	    (d->args.mda_mode & 06) != 06)
		error = EACCES;
	else
		atomic_add_int(&d->inside, 1);
	kpi_unlock(&lock);
	if (error != 0)
		return (error);
	memset(&jail, 0, sizeof(jail));
	cred = *old;
	cred.cr_uid = uid;
	if (jailed)
		cred.cr_prison = &jail;
	curthread->td_ucred = &cred;
	error = open_and_ask(d, cmd, data);
	curthread->td_ucred = old;
	if (curkthr->kt_nheld != 0)
		kpi_violation(NULL, "an ioctl ends with lock %s",
		    curkthr->kt_held[0]->lo_name);
	atomic_subtract_int(&d->inside, 1);
	return (error);
}

unsigned long
kpi_ioctl_size(unsigned long cmd)
{

	return (IOCPARM_LEN(cmd));
}
