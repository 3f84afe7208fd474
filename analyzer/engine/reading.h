/* SPDX-License-Identifier: MIT
 *
 * What reading an input and reading a series have in common. Private to the engine.
 */
#ifndef TCA_ENGINE_READING_H
#define TCA_ENGINE_READING_H

#include "capture/source.h"
#include "engine/run.h"

/* Where what is known of one file of a capture is kept: of the capture itself where that is one file. */
struct tca_file_of {
    struct tca_capture_facts *facts;
    char **message;
    struct tca_clip *comment;
    struct tca_error **error;
};
static inline struct tca_file_of tca_file_of(struct capture *c, uint32_t at)
{
    if (!c->files)
        return (struct tca_file_of){&c->facts, &c->message, &c->comment, &c->error};
    struct file *text = &c->text[at];
    return (struct tca_file_of){&c->file[at], &text->message, &text->comment, &text->error};
}

/* Threads, if there are to be several and are none yet. 0 or TCA_EMEMORY. */
int tca_hire(struct tca_session *s);
/* The records that the user wants. */
struct tca_source_settings tca_source_settings_of(const struct tca_session *s);
void tca_note_link(struct tca_capture_facts *facts, int link);
/* What the source knew of the file, into its row. 0 or TCA_EMEMORY, as the two below. */
int tca_take_facts(const struct tca_file_of *file, const struct tca_source_facts *from);
int tca_keep_message(const struct tca_file_of *file, const char *text);
/* Not a fault, but something to know before believing the rows. */
int tca_warn_of_tags(struct capture *c);
/* As the reader of this file is told: TCA_OK, TCA_EINPUT, TCA_EUNSUPPORTED. */
int tca_told_code(const struct tca_source_facts *facts);
void tca_tell_source(struct tca_error *error, int code, const char *message,
                     const struct tca_source_facts *facts);

/* ---- series (series.c) ---- */
/* All units of the item. What is wrong with single files is told. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_read_units(struct tca_session *s, const struct tca_plan_item *item, tca_told_fn *told, void *user);

#endif
