/* SPDX-License-Identifier: MIT
 *
 * A growing list of incidents, and its order.
 */
#include "classify/pressure/incident.h"

#include "base/alloc.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

int tca_incidents_add(struct tca_incidents *all, const struct tca_incident *one)
{
    void *list = tca_room(all->list, all->count, &all->room, sizeof *all->list);
    if (!list)
        return TCA_EMEMORY;
    all->list = list;
    all->list[all->count++] = *one;
    return TCA_OK;
}

static int compare_incidents(const void *left, const void *right)
{
    const struct tca_incident *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = a->first_ns < b->first_ns ? -1 : a->first_ns > b->first_ns;
    if (!order)
        order = tca_compare_u64(a->frame[0], b->frame[0]);
    if (!order)
        order = tca_compare_u64(a->id, b->id);
    if (!order)
        order = memcmp(a->addr, b->addr, sizeof a->addr);
    if (!order)
        order = tca_compare_u64(a->port, b->port);
    return order ? order : strcmp(a->text, b->text);
}

void tca_incidents_sort(struct tca_incidents *all)
{
    if (all->count)
        qsort(all->list, all->count, sizeof *all->list, compare_incidents);
}

void tca_incidents_done(struct tca_incidents *all)
{
    tca_free(all->list);
    *all = (struct tca_incidents){0};
}
