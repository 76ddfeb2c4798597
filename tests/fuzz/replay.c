/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over the files and folders on the command line, without libFuzzer: every
 * build checks the corpus. Arguments that begin with '-' are libFuzzer's and ignored.
 */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long n_files;

static int replay_file(const char *path)
{
        FILE *file = fopen(path, "rb");
        uint8_t *data;
        long size;

        if (!file) {
                perror(path);
                return 1;
        }
        fseek(file, 0, SEEK_END);
        size = ftell(file);
        rewind(file);
        data = malloc(size > 0 ? (size_t)size : 1);
        if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
                fprintf(stderr, "%s: cannot read\n", path);
                free(data);
                fclose(file);
                return 1;
        }
        LLVMFuzzerTestOneInput(data, (size_t)size);
        n_files++;
        free(data);
        fclose(file);
        return 0;
}

static int replay_folder(const char *path)
{
        char name[4096];
        struct dirent *entry;
        DIR *folder = opendir(path);
        int failed = 0;

        if (!folder) {
                perror(path);
                return 1;
        }
        while ((entry = readdir(folder))) {
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
                failed |= replay_file(name);
        }
        closedir(folder);
        return failed;
}

int main(int argc, char **argv)
{
        int failed = 0;

        for (int i = 1; i < argc; i++) {
                struct stat status;

                if (argv[i][0] == '-')
                        continue;
                if (stat(argv[i], &status) < 0) {
                        perror(argv[i]);
                        failed = 1;
                } else if (S_ISDIR(status.st_mode)) {
                        failed |= replay_folder(argv[i]);
                } else {
                        failed |= replay_file(argv[i]);
                }
        }
        printf("replayed %lu files\n", n_files);
        return failed || n_files == 0;
}
