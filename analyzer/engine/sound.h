/* SPDX-License-Identifier: MIT
 *
 * Is a dossier one that pass 1 may have made? Asked of what comes out of a part (part.c), which anybody may have written: pass 2
 * takes states, counts and kinds of a dossier for places of tables without asking. Whatever passes here is read within its
 * bounds; whether it is true nobody can tell. Private to the engine.
 */
#ifndef TCA_ENGINE_SOUND_H
#define TCA_ENGINE_SOUND_H

#include "classify/read/dossier.h"

/* But for its marks. */
bool tca_sound_dossier(const struct tca_dossier *d);
bool tca_sound_marks(const struct tca_mark *mark, unsigned count);
/* May anything be added to so many bytes here, without a dossier, or a mark, that is sound ceasing to be so? */
bool tca_sound_place(size_t at, unsigned bytes);
bool tca_sound_mark_place(size_t at, unsigned bytes);

#endif
