package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/uclab/uclab/appliance"
	"golang.org/x/net/webdav"
)

type mountFlags struct {
	applianceFlags
	readWrite bool
	port      int
}

func newMountCommand(a *app) *cobra.Command {
	var flags mountFlags
	cmd := &cobra.Command{
		Use:     "mount NODE[:PATH] [DIR]",
		GroupID: groupAppliance,
		Short:   "Show an appliance's files as a network drive",
		Long: `Mount serves an appliance's files, or those below PATH, as a WebDAV network drive on
this machine's loopback address, at a URL that holds a random token, and prints the
line that maps it. With DIR, on Linux, it mounts them there through FUSE instead.
They are read-only unless --rw is given. It ends when interrupted.

After "Map a UC appliance as a network drive" (29 August 2009).
` + applianceHelp,
		Example: "  uclab mount cucm-pub\n  uclab mount cucm-pub:/var/log/active ~/logs\n  uclab mount cucm-pub --rw",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			where := args[0]
			if !strings.Contains(where, ":") && flags.host == "" {
				where += ":/"
			}
			return a.onRemote(cmd.Context(), flags.applianceFlags, where, func(session *appliance.Session, root string) error {
				if root == "." {
					root = "/"
				}
				if flags.readWrite {
					a.warn("changes of an appliance are for labs: the vendor does not support them")
				}
				if len(args) == 2 {
					return a.mountDirectory(cmd.Context(), session, root, args[1], flags.readWrite)
				}
				return a.serveDrive(cmd.Context(), session, root, flags)
			})
		},
	}
	flags.register(cmd)
	cmd.Flags().BoolVar(&flags.readWrite, "rw", false, "allow changes")
	cmd.Flags().IntVar(&flags.port, "port", 0, "loopback port of the WebDAV server (default: any free one)")
	return cmd
}

// serveDrive serves WebDAV until the context ends.
func (a *app) serveDrive(ctx context.Context, session *appliance.Session, root string, flags mountFlags) error {
	drive, err := newDrive(ctx, session, root, flags.readWrite)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", flags.port))
	if err != nil {
		return hintf(fmt.Errorf("serve the drive: %w", err), "choose another --port")
	}
	token := strings.ToLower(rand.Text())
	server := &http.Server{Handler: driveHandler(drive, token), ReadHeaderTimeout: 10 * time.Second}
	a.showDrive(session.Name(), listener.Addr().(*net.TCPAddr).Port, token, flags.readWrite)
	stop := context.AfterFunc(ctx, func() {
		quick, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(quick) != nil {
			_ = server.Close() // a client keeps its connection open
		}
	})
	defer stop()
	if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the drive: %w", err)
	}
	a.notef("The drive is gone.\n")
	return nil
}

func (a *app) showDrive(name string, port int, token string, readWrite bool) {
	access := "read-only"
	if readWrite {
		access = "with changes allowed"
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/%s/", port, token)
	a.printf("%s\n", url)
	a.notef("%s is served here, %s, until you press Ctrl-C. To map it:\n", name, access)
	a.notef("  Windows: net use * %s\n", strings.TrimSuffix(url, "/"))
	a.notef("  macOS:   mkdir -p ~/%s && mount_webdav %s ~/%s\n", mountName(name), url, mountName(name))
	a.notef("  Linux:   gio mount dav://127.0.0.1:%d/%s/\n", port, token)
}

// mountName makes a node's address a directory's name.
func mountName(name string) string { return strings.NewReplacer("/", "-", ":", "-").Replace(name) }

// driveHandler answers nothing without the token, and only to names of this
// machine, so that no web page can reach it under a name of its own.
func driveHandler(drive *drive, token string) http.Handler {
	dav := &webdav.Handler{Prefix: "/" + token, FileSystem: drive, LockSystem: webdav.NewMemLS()}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if subtle.ConstantTimeCompare([]byte(first), []byte(token)) != 1 || !loopbackName(r.Host) {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		if !drive.readWrite && !readOnlyMethod(r.Method) {
			http.Error(w, "the drive is read-only; uclab mount --rw allows changes", http.StatusForbidden)
			return
		}
		dav.ServeHTTP(w, r)
	})
}

func readOnlyMethod(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND":
		return true
	}
	return false
}

func loopbackName(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
