#include "ckpt/asked.h"

#include "ckpt/folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_request(const struct ckpt_request *request, struct err *err)
{
    if (request->step < 0 || request->ranks == 0 || request->ranks > UINT32_MAX ||
        request->rank >= request->ranks || request->begin > request->end ||
        request->end > request->items || request->items > PART_ITEMS_MAX)
        return err_set(err, -EINVAL, "no such rank or range of a checkpoint");
    if (request->vector_count == 0 || request->vector_count > CKPT_VECTORS_MAX)
        return err_set(err, -EINVAL, "a checkpoint of %zu vectors", request->vector_count);
    for (size_t i = 0; i < request->vector_count; i++)
        if (!request->vectors[i].name[0] || strlen(request->vectors[i].name) >= PART_NAME_MAX)
            return err_set(err, -EINVAL, "a checkpoint's vector can't be called '%s'",
                           request->vectors[i].name);
    if (request->file_count >= CKPT_DONE_FILES_MAX)
        return err_set(err, -EINVAL, "a checkpoint with %zu files", request->file_count);
    for (size_t i = 0; i < request->file_count; i++)
        if (!folder_file_name_ok(request->files[i].name))
            return err_set(err, -EINVAL, "a checkpoint's file can't be called '%s'",
                           request->files[i].name);
    return 0;
}

static int copy_files(struct asked *asked, const struct ckpt_request *request)
{
    for (size_t i = 0; i < request->file_count && request->rank == 0; i++) {
        const struct ckpt_file *from = &request->files[i];
        char *name = strdup(from->name), *bytes = malloc(from->len + 1);

        asked->files[i] = (struct ckpt_file){name, bytes, from->len};
        asked->file_count = i + 1;
        if (!name || !bytes)
            return -ENOMEM;
        if (from->len > 0)
            memcpy(bytes, from->bytes, from->len);
    }
    return 0;
}

static int copy(struct asked *asked, const struct ckpt_request *request)
{
    struct part_header *header = &asked->header;

    *header = (struct part_header){.step = request->step,
                                   .rank = (uint32_t)request->rank,
                                   .ranks = (uint32_t)request->ranks,
                                   .items = request->items,
                                   .begin = request->begin,
                                   .end = request->end,
                                   .slice_bytes = CKPT_SLICE_BYTES,
                                   .vector_count = (uint32_t)request->vector_count};
    for (size_t i = 0; i < request->vector_count; i++) {
        (void)snprintf(header->vectors[i], PART_NAME_MAX, "%s", request->vectors[i].name);
        asked->vectors[i] = request->vectors[i].data;
    }
    asked->crc =
        calloc(header->vector_count * (size_t)part_vector_slices(header) + 1, sizeof(*asked->crc));
    asked->folder = folder_partial_path(request->folder, request->step);
    return asked->crc && asked->folder ? copy_files(asked, request) : -ENOMEM;
}

int asked_init(struct asked *asked, const struct ckpt_request *request, struct err *err)
{
    int r = check_request(request, err);

    if (r < 0)
        return r;
    r = copy(asked, request);
    if (r < 0) {
        asked_done(asked);
        return err_set(err, r, "no memory to write a checkpoint");
    }
    return 0;
}

void asked_done(struct asked *asked)
{
    for (size_t i = 0; i < asked->file_count; i++) {
        free((void *)asked->files[i].name);
        free((void *)asked->files[i].bytes);
    }
    free(asked->folder);
    free(asked->crc);
    *asked = (struct asked){0};
}
