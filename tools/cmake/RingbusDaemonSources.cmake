# SPDX-License-Identifier: Apache-2.0
# Other builds of the daemon, with something in it that users' has not.

# ringbus_daemon_sources(OUT PATTERN): the sources to compile again for one, as absolute paths: main
# and, in the folders of broker, those with a line that matches PATTERN. Linked first, these take
# the place of their twins in the libraries. CMake runs again when one of them begins to match.
function(ringbus_daemon_sources out pattern)
  set(found "${CMAKE_SOURCE_DIR}/broker/main.c" ${RINGBUS_BUS_SOURCES})
  file(GLOB candidates CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/broker/*/*.c")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${candidates})
  foreach(source IN LISTS candidates)
    file(STRINGS "${source}" lines REGEX "${pattern}")
    if(lines)
      list(APPEND found "${source}")
    endif()
  endforeach()
  set(${out} ${found} PARENT_SCOPE)
endfunction()
