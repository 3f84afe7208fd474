/* SPDX-License-Identifier: MIT
 *
 * The plan: so far each input is an item of its own, and is not looked into.
 */
#include <tcpautopsy/plan.h>

#include "base/alloc.h"
#include "base/buf.h"

#include <string.h>
#include <sys/stat.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

struct one {
    struct tca_plan_item item;
    struct tca_plan_unit unit;
    struct tca_plan_file file;
    char *name; /* owned */
};

struct tca_plan {
    struct one *one; /* owned */
    size_t count;
};

static int plan_input(struct one *one, const char *name)
{
    struct stat st = {0};
    one->name = tca_strdup(name);
    if (!one->name)
        return TCA_EMEMORY;
    stat(name, &st);
    one->file = (struct tca_plan_file){
        .name = one->name, .path = one->name, .bytes = (uint64_t)st.st_size, .first_ns = -1, .last_ns = -1};
    one->unit = (struct tca_plan_unit){.file = &one->file, .files = 1, .why = "not looked into"};
    one->item = (struct tca_plan_item){.unit = &one->unit,
                                       .units = 1,
                                       .bytes = one->file.bytes,
                                       .id = XXH3_64bits_withSeed(name, strlen(name), one->file.bytes)};
    return TCA_OK;
}

int tca_plan_new(const struct tca_inputs *inputs, const struct tca_plan_settings *set,
                 struct tca_plan **ret_plan, struct tca_error *error)
{
    (void)set, (void)error;
    struct tca_plan *plan = tca_alloc(sizeof *plan);
    int code = plan ? TCA_OK : TCA_EMEMORY;
    if (!code && !(plan->one = tca_alloc((tca_inputs_count(inputs) + 1) * sizeof *plan->one)))
        code = TCA_EMEMORY;
    for (size_t at = 0; !code && at < tca_inputs_count(inputs); at++) {
        plan->count++;
        code = plan_input(&plan->one[at], tca_inputs_at(inputs, at));
    }
    if (code)
        tca_plan_free(plan);
    else
        *ret_plan = plan;
    return code;
}

void tca_plan_free(struct tca_plan *plan)
{
    if (!plan)
        return;
    for (size_t at = 0; at < plan->count; at++)
        tca_free(plan->one[at].name);
    tca_free(plan->one);
    tca_free(plan);
}

size_t tca_plan_items(const struct tca_plan *plan)
{
    return plan->count;
}

const struct tca_plan_item *tca_plan_item(const struct tca_plan *plan, size_t at)
{
    return &plan->one[at].item;
}
