# SPDX-License-Identifier: Apache-2.0
# seccomp_refuse: runs a command below a filter that refuses io_uring.
add_executable(seccomp_refuse ${CMAKE_CURRENT_LIST_DIR}/seccomp_refuse.c)
target_link_libraries(seccomp_refuse PRIVATE ringbus_flags PkgConfig::LIBSECCOMP)
