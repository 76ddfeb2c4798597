/* SPDX-License-Identifier: Apache-2.0 */
/* See access_path.h. connect(2) asks for the same: search permission on each directory and write
 * permission on the socket, but its EACCES does not say which of them was missing. */

#include "broker/access_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/access_report.h"
#include "broker/base/alloc.h"
#include "broker/base/cleanup.h"

static void explain_missing(const char *path, int error, FILE *out)
{
        access_report_refusal(out, "path", "%s: %s", path, strerror(error));
        if (error == ENOENT)
                access_report_remedy(out, "start the bus, or ask whoever did for its address; "
                                          "DBUS_SESSION_BUS_ADDRESS may be that of a bus that has "
                                          "ended");
        else
                access_report_remedy(out, "the path of the socket cannot be followed; see the "
                                          "error of the kernel");
}

static bool check_directory(const char *path, FILE *out)
{
        struct stat status;

        if (stat(path, &status) < 0) {
                explain_missing(path, errno, out);
                return false;
        }
        if (!S_ISDIR(status.st_mode)) {
                access_report_refusal(out, "path", "%s: is no directory", path);
                access_report_remedy(out, "correct the address");
                return false;
        }
        if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0) {
                access_report_refusal(out, "path",
                                      "%s: mode %04o, owner %u:%u: this account may not go "
                                      "through this directory",
                                      path, status.st_mode & 07777, status.st_uid, status.st_gid);
                access_report_remedy(out, "a directory like this keeps other accounts away from a "
                                          "user's bus on purpose; use the account's own bus, or "
                                          "have the bus listen elsewhere as well");
                return false;
        }
        access_report_step(out, "path", "%s: ok, mode %04o, owner %u:%u", path,
                           status.st_mode & 07777, status.st_uid, status.st_gid);
        return true;
}

static bool check_socket(const char *path, FILE *out)
{
        struct stat status;

        if (stat(path, &status) < 0) {
                explain_missing(path, errno, out);
                return false;
        }
        if (!S_ISSOCK(status.st_mode)) {
                access_report_refusal(out, "path", "%s: is no socket", path);
                access_report_remedy(out, "correct the address");
                return false;
        }
        if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) < 0) {
                access_report_refusal(out, "path",
                                      "%s: mode %04o, owner %u:%u: this account may not write to "
                                      "the socket",
                                      path, status.st_mode & 07777, status.st_uid, status.st_gid);
                access_report_remedy(out, "a bus makes its socket with mode 0777 and decides "
                                          "itself; chmod it, or SocketMode= of its socket unit");
                return false;
        }
        access_report_step(out, "path", "%s: ok, a socket, mode %04o, owner %u:%u", path,
                           status.st_mode & 07777, status.st_uid, status.st_gid);
        return true;
}

bool access_path_check(const char *path, FILE *out)
{
        CLEANUP_ALLOC char *copy = alloc_string(path, strlen(path));

        if (!copy) {
                access_report_refusal(out, "path", "out of memory");
                return false;
        }
        if (copy[0] == '/' && !check_directory("/", out))
                return false;
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                bool goes_through;

                *slash = '\0';
                goes_through = check_directory(copy, out);
                *slash = '/';
                if (!goes_through)
                        return false;
        }
        return check_socket(path, out);
}
