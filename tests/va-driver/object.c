// SPDX-License-Identifier: GPL-2.0-or-later
#include "driver.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

VAStatus client_fault(VAStatus status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "va-driver: the client: ");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return status;
}

/* ---- names ---- */

/* Names start at 1, so that a client which mixes up zero and a name is found out. */
void *object_get(struct driver *d, VAGenericID id, enum object_kind kind)
{
	struct object *o = NULL;

	pthread_mutex_lock(&d->lock);
	if (id > 0 && id < OBJECTS_MAX && d->objects[id] && d->objects[id]->kind == kind)
		o = d->objects[id];
	pthread_mutex_unlock(&d->lock);
	return o;
}

VAGenericID object_add(struct driver *d, enum object_kind kind, void *object)
{
	VAGenericID id = VA_INVALID_ID;

	((struct object *)object)->kind = kind;
	pthread_mutex_lock(&d->lock);
	for (VAGenericID i = 1; i < OBJECTS_MAX && id == VA_INVALID_ID; i++) {
		if (d->objects[i])
			continue;
		d->objects[i] = object;
		id = i;
	}
	pthread_mutex_unlock(&d->lock);
	return id;
}

void *object_take(struct driver *d, VAGenericID id, enum object_kind kind)
{
	struct object *o = object_get(d, id, kind);

	if (!o)
		return NULL;
	(void)device_wait(d, o, VA_TIMEOUT_INFINITE);
	pthread_mutex_lock(&d->lock);
	d->objects[id] = NULL;
	pthread_mutex_unlock(&d->lock);
	return o;
}

/* ---- the device ---- */

static struct job *next_job(struct driver *d)
{
	struct job *job;

	pthread_mutex_lock(&d->lock);
	while (!d->first && !d->quit)
		pthread_cond_wait(&d->wake, &d->lock);
	job = d->first;
	if (job) {
		d->first = job->next;
		if (!d->first)
			d->last = &d->first;
	}
	pthread_mutex_unlock(&d->lock);
	return job;
}

static void *run_device(void *data)
{
	struct driver *d = data;
	struct job *job;

	while ((job = next_job(d)) != NULL) {
		if (d->personality.delay_us)
			usleep(d->personality.delay_us);
		job->run(d, job);
		pthread_mutex_lock(&d->lock);
		d->completed = job->number;
		pthread_cond_broadcast(&d->done);
		pthread_mutex_unlock(&d->lock);
		free(job);
	}
	return NULL;
}

int device_start(struct driver *d)
{
	pthread_condattr_t attributes;

	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&d->wake, NULL);
	pthread_cond_init(&d->done, &attributes);
	pthread_condattr_destroy(&attributes);
	d->last = &d->first;
	return -pthread_create(&d->thread, NULL, run_device, d);
}

void device_stop(struct driver *d)
{
	pthread_mutex_lock(&d->lock);
	d->quit = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	pthread_cond_destroy(&d->wake);
	pthread_cond_destroy(&d->done);
	pthread_mutex_destroy(&d->lock);
}

static void count_for(struct object *o, uint64_t number)
{
	if (o)
		o->last_job = number;
}

VAStatus device_submit(struct driver *d, struct job *job)
{
	pthread_mutex_lock(&d->lock);
	job->number = ++d->submitted;
	count_for(job->context ? &job->context->object : NULL, job->number);
	count_for(job->source ? &job->source->object : NULL, job->number);
	count_for(job->target ? &job->target->object : NULL, job->number);
	count_for(job->coded ? &job->coded->object : NULL, job->number);
	*d->last = job;
	d->last = &job->next;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	return VA_STATUS_SUCCESS;
}

static struct timespec deadline_in(uint64_t ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ns / 1000000000);
	t.tv_nsec += (long)(ns % 1000000000);
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

/* A device that hangs does not keep the time limit either. */
VAStatus device_wait(struct driver *d, struct object *object, uint64_t timeout_ns)
{
	struct timespec deadline;
	int r = 0;

	if (timeout_ns == VA_TIMEOUT_INFINITE || d->personality.hang_after >= 0 ||
	    d->personality.low_power_hangs)
		timeout_ns = UINT64_C(1000000000) * 1000000;
	deadline = deadline_in(timeout_ns);
	pthread_mutex_lock(&d->lock);
	while (d->completed < object->last_job && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&d->done, &d->lock, &deadline);
	pthread_mutex_unlock(&d->lock);
	if (r == ETIMEDOUT)
		return VA_STATUS_ERROR_TIMEDOUT;
	return d->lost ? VA_STATUS_ERROR_HW_BUSY : VA_STATUS_SUCCESS;
}

bool device_is_busy(struct driver *d, struct object *object)
{
	bool busy;

	pthread_mutex_lock(&d->lock);
	busy = d->completed < object->last_job;
	pthread_mutex_unlock(&d->lock);
	return busy;
}
