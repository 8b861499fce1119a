#ifndef OURO_READING_H
#define OURO_READING_H

// How a tile asks for weights that come: into the innermost cache and the outer ones (KEEPING); past the outer ones, in
// which what is read once a pass needs no place (ONCE); into the second cache, from which the processor itself reads ahead
// (SECOND); or not at all (NOT).
enum { KEEPING, ONCE, SECOND, NOT };

// The one of the first three that suits this processor (see dispatch.c). Known before main, and the same ever after.
extern int ouro_asking;

#endif
