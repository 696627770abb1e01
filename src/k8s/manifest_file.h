/*
 * One file of the manifest folder: whether it has changed, its objects into the index, and what
 * is wrong with it.  Used by manifests.c only.
 */
#ifndef K8S_MANIFEST_FILE_H
#define K8S_MANIFEST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "k8s/manifest_index.h"

/* Texts, in order. */
struct manifest_problems {
	char **texts;
	size_t count;
	size_t capacity;
};

void manifest_problems_add(struct manifest_problems *problems, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool manifest_problems_have(const struct manifest_problems *problems, const char *text);
void manifest_problems_clear(struct manifest_problems *problems);

/* What tells one content of a file from another without reading it. */
struct manifest_stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

struct manifest_file {
	char *name; /* without the folder */
	struct manifest_source source;
	struct manifest_stamp stamp;
	bool known; /* the stamp is that of a reading */
	bool present; /* seen by the scan that goes on */
	bool touched; /* has been written to or replaced: read it whatever the stamp says */
	bool writing; /* somebody is writing into it right now */
	bool read_now; /* has been read by the scan that goes on */
	struct manifest_problems problems; /* of its last reading */
	struct manifest_problems told; /* these and its duplicates, as they were told last */
};

/* *.yaml, *.yml and *.json; no hidden file and no editor's backup. */
bool manifest_file_has_name(const char *name);
struct manifest_file *manifest_file_new(const char *name);
/* The index must have forgotten or finished its source. */
void manifest_file_free(struct manifest_file *file);

/*
 * Reads the file in the folder `directory` if it has changed and hands its objects to the
 * index; the caller finishes the source.  Returns false if it is not there any more.
 */
bool manifest_file_update(struct manifest_file *file, int directory, struct manifest_index *index);

#endif
