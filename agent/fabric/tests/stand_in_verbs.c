/* A stand-in for libibverbs with two adapters, built against the installed header, so that layouts and signatures are the real
 * ones. Each adapter reads its events from a pipe: two ints, the type and the port; a negative type is an error number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#undef ibv_get_device_list

static struct ibv_device devices[2];
static int unacknowledged;

struct ibv_device **ibv_get_device_list(int *count)
{
    struct ibv_device **list = calloc(3, sizeof(*list));
    list[0] = &devices[0];
    list[1] = &devices[1];
    *count = 2;
    return list;
}

void ibv_free_device_list(struct ibv_device **list)
{
    free(list);
}

const char *ibv_get_device_name(struct ibv_device *device)
{
    return device == &devices[0] ? "stand_in_0" : "stand_in_1";
}

struct ibv_context *ibv_open_device(struct ibv_device *device)
{
    struct ibv_context *context = calloc(1, sizeof(*context));
    context->device = device;
    context->cmd_fd = -1;
    context->async_fd = open(device == &devices[0] ? FOLDER "/adapter0" : FOLDER "/adapter1", O_RDWR);
    return context;
}

int ibv_close_device(struct ibv_context *context)
{
    FILE *note = fopen(FOLDER "/closed", "a");
    fprintf(note, "%d unacknowledged\n", unacknowledged);
    fclose(note);
    close(context->async_fd);
    free(context);
    return 0;
}

int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event)
{
    int got[2];
    if (read(context->async_fd, got, sizeof(got)) != sizeof(got))
        return -1;
    if (got[0] < 0) {
        errno = -got[0];
        return -1;
    }
    event->event_type = got[0];
    event->element.port_num = got[1];
    unacknowledged++;
    return 0;
}

void ibv_ack_async_event(struct ibv_async_event *event)
{
    (void)event;
    unacknowledged--;
}
