/* SPDX-License-Identifier: MIT
 *
 * Reading inputs: whatever they hold becomes captures of the session. What is wrong with one of them is told of that one, as
 * its status and in words, and ends no other.
 *
 *      plan item ------------> units: one capture each (series.c)
 *      input not looked into -> each capture in it, as the input hands it out (capture/input.h)
 */
#include "engine/reading.h"

#include "base/stop.h"
#include "capture/input.h"

#include <string.h>
#include <sys/stat.h>

int tca_hire(struct tca_session *s)
{
    unsigned threads = s->set.jobs ? s->set.jobs : tca_crew_processors();
    return threads > 1 && !s->crew ? tca_crew_new(threads, &s->crew) : TCA_OK;
}

/* Worth the while of threads that nobody asked for. */
enum { LARGE = 4 << 20 };

static bool is_large(const char *path)
{
    struct stat file;
    return stat(path, &file) || !S_ISREG(file.st_mode) || file.st_size >= LARGE;
}

void tca_note_link(struct tca_capture_facts *facts, int link)
{
    unsigned at = 0;
    while (at < facts->links && facts->link[at] != link)
        at++;
    if (at == facts->links && at < TCA_CAPTURE_LINKS_MAX && link >= 0)
        facts->link[facts->links++] = link;
}

int tca_reading_words(struct tca_error *error, int code)
{
    return code == TCA_EOUTPUT
               ? tca_fail(error, code,
                          "a temporary file cannot be written: no space left? --temp-dir names "
                          "another place")
               : tca_words(error, code);
}

static int keep_message(const struct tca_file_of *file, const char *text)
{
    char *copy = tca_strdup(text);
    tca_free(*file->message);
    *file->message = copy;
    file->facts->message = copy ? copy : "";
    return copy ? TCA_OK : TCA_EMEMORY;
}

int tca_capture_say(const struct tca_file_of *file, const char *text)
{
    *file->said = strlen(text);
    return keep_message(file, text);
}

int tca_capture_comment(const struct tca_file_of *file, const char *text)
{
    char *copy = *text ? tca_strdup(text) : NULL;
    if (*text && !copy)
        return TCA_EMEMORY;
    tca_free(*file->comment);
    *file->comment = copy;
    file->facts->comment = copy ? copy : "";
    return TCA_OK;
}

int tca_take_facts(const struct tca_file_of *file, const struct tca_source_facts *from)
{
    struct tca_capture_facts *facts = file->facts;
    facts->format = !strcmp(from->format, "pcap")     ? "pcap"
                    : !strcmp(from->format, "pcapng") ? "pcapng"
                                                      : "unknown";
    facts->ts_precision = from->ts_precision;
    for (unsigned at = 0; at < from->links; at++)
        tca_note_link(facts, from->link[at]);
    facts->snaplen = from->snaplen;
    facts->has_drops = from->has_drops;
    facts->drops = from->drops;
    facts->bytes = from->bytes;
    facts->status = tca_source_status_name(from->status);
    facts->error_offset = from->error_offset;
    int error = tca_capture_comment(file, from->comment.text);
    return error ? error : tca_capture_say(file, from->message);
}

/* Not a fault, but something to know before believing the rows. Of a series with its first file. */
int tca_capture_warn(struct capture *c)
{
    char text[600];
    const struct tca_file_of file = tca_file_of(c, 0);
    const char *message = file.facts->message;
    if (!c->mixed_tags)
        return TCA_OK;
    snprintf(
        text, sizeof text,
        "%s%s%llu connection%s with different VLAN or tunnel tags in one direction: --key vlan,tunnel tells "
        "them apart",
        message, *message ? "; " : "", (unsigned long long)c->mixed_tags, c->mixed_tags == 1 ? "" : "s");
    return keep_message(&file, text);
}

int tca_told_code(const struct tca_source_facts *facts)
{
    bool whole = facts->status == TCA_SOURCE_ok || facts->status == TCA_SOURCE_truncated ||
                 facts->status == TCA_SOURCE_interrupted;
    return whole ? TCA_OK : facts->status == TCA_SOURCE_unsupported ? TCA_EUNSUPPORTED : TCA_EINPUT;
}

void tca_tell_source(struct tca_error *error, int code, const char *message,
                     const struct tca_source_facts *facts)
{
    if (!error || !*message)
        return;
    tca_fail(error, code, "%s", message);
    error->frame = facts->error_frame;
    error->offset = facts->error_offset;
}

/* A tca_next_fn. */
static int next_of_source(void *from, struct tca_joined_batch *ret)
{
    const struct tca_record *record;
    int got = tca_source_next(from, &record);
    *ret = (struct tca_joined_batch){.record = record, .count = got > 0 ? (size_t)got : 0};
    return got > 0; /* why there are no more the source knows */
}

static int read_source(struct tca_session *s, struct tca_source *source, struct tca_error *error)
{
    struct capture *c = s->open;
    const struct tca_file_of file = tca_file_of(c, 0);
    int code = tca_pass1_read(s, next_of_source, source);
    const struct tca_source_facts *facts = tca_source_facts(source);
    int end = tca_pass1_end(s);
    if (!code)
        code = end;
    if (!code)
        code = tca_take_facts(&file, facts);
    c->warns = true;
    if (!code)
        code = tca_capture_warn(c);
    if (code)
        return tca_reading_words(error, tca_keep_whole(s, code));
    code = tca_told_code(facts);
    tca_tell_source(error, code, c->facts.message, facts);
    return code;
}

/* One capture of an input, which is named so, and is this one of it, from 1. */
struct found {
    const char *path, *name;
    uint64_t number;
    struct tca_source *source;
};

struct tca_source_settings tca_source_settings_of(const struct tca_session *s)
{
    return (struct tca_source_settings){.filter = s->set.filter,
                                        .after_ns = s->set.after_ns,
                                        .before_ns = s->set.before_ns,
                                        .has_after = s->set.has_after,
                                        .has_before = s->set.has_before,
                                        .max_records = s->set.max_records,
                                        .stop = &s->stop};
}

static int keep_place(struct capture *c, const struct found *found)
{
    c->path = tca_strdup(found->path);
    c->number = found->number;
    return c->path ? TCA_OK : TCA_EMEMORY;
}

static int read_found(struct tca_session *s, const struct found *found, struct tca_error *error)
{
    int code = tca_session_capture_begin(s, found->name, error);
    if (!code)
        code = tca_words(error, tca_keep_whole(s, keep_place(s->open, found)));
    if (!code)
        code = read_source(s, found->source, error);
    return code;
}

/* What cannot be read at all, or not unpacked, is a capture of which nothing is known but this. */
static int note_fault(struct tca_session *s, const char *name, int code, struct tca_error *error)
{
    const struct tca_error why = *error;
    int begun = tca_session_capture_begin(s, name, error);
    if (begun)
        return begun;
    s->open->facts.status =
        tca_source_status_name(code == TCA_EINPUT ? TCA_SOURCE_damaged : TCA_SOURCE_unsupported);
    const struct tca_file_of file = tca_file_of(s->open, 0);
    int kept = tca_capture_say(&file, why.text);
    int end = tca_pass1_end(s);
    kept = tca_keep_whole(s, kept ? kept : end);
    *error = why;
    return kept ? tca_words(error, kept) : code;
}

static bool is_fault(int code)
{
    return code == TCA_EINPUT || code == TCA_EUNSUPPORTED;
}

/* 1, or 0 at the end; negative: what went wrong with one, or ends all. */
static int read_next(struct tca_session *s, struct tca_input *input, struct found *found,
                     struct tca_error *error)
{
    const struct tca_source_settings set = tca_source_settings_of(s);
    int got = tca_input_next(input, &set, &found->source, &found->name, error);
    if (got <= 0)
        return is_fault(got) ? note_fault(s, found->name, got, error) : tca_keep_whole(s, got);
    int code = read_found(s, found, error);
    tca_source_close(found->source);
    return code ? code : 1;
}

/* All captures of the input. What goes wrong with one ends nothing but that one. */
static int read_each(struct tca_session *s, struct tca_input *input, const char *path, tca_told_fn *told,
                     void *user)
{
    for (uint64_t number = 1; number == 1 || !tca_is_stopped(&s->stop);
         number++) { /* the first one says that it was interrupted */
        struct tca_error error = {.offset = -1};
        struct found found = {.path = path, .number = number};
        int got = read_next(s, input, &found, &error);
        if (got || error.text[0])
            told(user, got ? found.name : path, got < 0 ? got : TCA_OK, &error);
        if (!got || (got < 0 && !is_fault(got)))
            return got;
    }
    return TCA_OK;
}

/* Nothing may be read into what is not whole, or is finished. */
static int may_begin(struct tca_session *s, const char *path, struct tca_error *error)
{
    bool may = !s->broken && !s->open && !s->finished;
    return may ? TCA_OK : tca_session_capture_begin(s, path, error);
}

int tca_session_read_each(struct tca_session *s, const char *path, tca_told_fn *told, void *user)
{
    struct tca_error error = {.offset = -1};
    struct tca_input *input = NULL;
    int code = may_begin(s, path, &error);
    if (!code && is_large(path))
        code = tca_words(&error, tca_keep_whole(s, tca_hire(s)));
    if (!code)
        code = tca_input_open(path, s->set.max_expanded, &s->stop, &input, &error);
    if (is_fault(code))
        code = note_fault(s, path, code, &error);
    if (code) {
        tca_keep_whole(s, code);
        told(user, path, code, &error);
        return is_fault(code) ? TCA_OK : code;
    }
    code = read_each(s, input, path, told, user);
    tca_input_close(input);
    return code;
}

int tca_session_read_item(struct tca_session *s, const struct tca_plan *plan, size_t at, tca_told_fn *told,
                          void *user)
{
    const struct tca_plan_item *item = tca_plan_item(plan, at);
    const char *path = item->unit->file->path;
    struct tca_error error = {.offset = -1};
    if (!item->unit->file->number)
        return tca_session_read_each(s, path, told, user);
    int code = may_begin(s, path, &error);
    if (!code && item->bytes >= LARGE)
        code = tca_words(&error, tca_hire(s));
    if (code)
        told(user, path, code, &error);
    else
        code = tca_read_units(s, item, told, user);
    return tca_keep_whole(s, code);
}

struct first_fault {
    struct tca_error *error;
    int code;
    bool told;
};

static void note_first(void *user, const char *name, int code, const struct tca_error *error)
{
    struct first_fault *first = user;
    (void)name;
    if (first->code || (!code && (first->told || !error->text[0])))
        return;
    *first->error = *error;
    first->code = code;
    first->told = true;
}

int tca_session_read(struct tca_session *s, const char *path, struct tca_error *error)
{
    struct tca_error local = {0};
    struct first_fault first = {.error = error ? error : &local};
    memset(first.error, 0, sizeof *first.error);
    int code = tca_session_read_each(s, path, note_first, &first);
    return code ? code : first.code;
}
