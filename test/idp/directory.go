// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// directory is where Dex looks users up: as much of Atlassian Crowd's REST API as Dex's connector of that name asks for
// (https://developer.atlassian.com/server/crowd/crowd-rest-resources/).
type directory struct {
	client, secret string // Dex's own credential
	server         *http.Server
	url            string
	served         chan error

	mu    sync.Mutex
	users []User
}

// startDirectory serves the users on a loopback port.
func startDirectory(users []User) (*directory, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the directory of users: %w", err)
	}
	d := &directory{
		client: "dex",
		secret: rand.Text(),
		url:    "http://" + listener.Addr().String(),
		served: make(chan error, 1),
		users:  copyUsers(users),
	}
	d.server = &http.Server{Handler: d.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { d.served <- d.server.Serve(listener) }()
	return d, nil
}

// stop ends the server with all its connections.
func (d *directory) stop() error {
	err := d.server.Close()
	if served := <-d.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("stopping the directory of users: %w", err)
	}
	return nil
}

// all are the users as they are now.
func (d *directory) all() []User {
	d.mu.Lock()
	defer d.mu.Unlock()
	return copyUsers(d.users)
}

// setGroups changes the groups of a user.
func (d *directory) setGroups(name string, groups []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.users, func(u User) bool { return u.Name == name })
	if i < 0 {
		return fmt.Errorf("there is no user %q", name)
	}
	d.users[i].Groups = slices.Clone(groups)
	return nil
}

func (d *directory) find(name string) (User, bool) {
	users := d.all()
	i := slices.IndexFunc(users, func(u User) bool { return u.Name == name })
	if i < 0 {
		return User{}, false
	}
	return users[i], true
}

func (d *directory) handler() http.Handler {
	const root = "/rest/usermanagement/1"
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+root+"/session", d.signIn)
	mux.HandleFunc("GET "+root+"/user", d.forUser(func(u User) any {
		return map[string]any{"key": "id-of-" + u.Name, "name": u.Name, "email": u.Email, "active": true}
	}))
	mux.HandleFunc("GET "+root+"/user/group/nested", d.forUser(func(u User) any {
		groups := []map[string]string{}
		for _, name := range u.Groups {
			groups = append(groups, map[string]string{"name": name})
		}
		return map[string]any{"groups": groups}
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client, secret, _ := r.BasicAuth(); client != d.client || secret != d.secret {
			http.Error(w, "Application failed to authenticate", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// signIn looks at a password, unless it is asked to make a session without one, as a refresh does.
func (d *directory) signIn(w http.ResponseWriter, r *http.Request) {
	var credential struct{ Username, Password string }
	if err := json.NewDecoder(r.Body).Decode(&credential); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	u, ok := d.find(credential.Username)
	if !ok || r.URL.Query().Get("validate-password") != "false" && u.Password != credential.Password {
		answer(w, http.StatusBadRequest, map[string]string{
			"reason":  "INVALID_USER_AUTHENTICATION",
			"message": "Account with name <" + credential.Username + "> failed to authenticate",
		})
		return
	}
	answer(w, http.StatusCreated, map[string]any{"token": rand.Text(), "user": map[string]string{"name": u.Name}})
}

// forUser answers with what there is to tell of the user in the query.
func (d *directory) forUser(tell func(User) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		u, ok := d.find(r.URL.Query().Get("username"))
		if !ok {
			answer(w, http.StatusNotFound, map[string]string{"reason": "USER_NOT_FOUND"})
			return
		}
		answer(w, http.StatusOK, tell(u))
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error is that of a reader who has gone
}
