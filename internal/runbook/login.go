package runbook

import (
	"crypto/sha256"
	"html/template"
	"net/http"
	"strings"
	"time"
)

// loginTemplate is the page that asks for a token.
var loginTemplate = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in · Tenantry</title>
<link rel="stylesheet" href="{{.Prefix}}/assets/style.css">
<link rel="icon" href="{{.Prefix}}/assets/icon.svg" type="image/svg+xml">
</head>
<body>
<main class="login">
<h1>Log in</h1>
{{with .Problem}}<p class="error" role="alert">{{.}}</p>{{end}}
<form class="form" method="post" action="{{.Prefix}}/login">
<div><label for="token">Token</label><input id="token" name="token" type="password" autocomplete="current-password" required autofocus></div>
<div><button class="main">Log in</button></div>
</form>
</main>
</body>
</html>
`))

// sessionLength is how long a browser keeps the cookie.
const sessionLength = 12 * time.Hour

func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) { s.showLogin(w, http.StatusOK, "") }

func (s *Server) showLogin(w http.ResponseWriter, status int, problem string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.WriteHeader(status)
	loginTemplate.Execute(w, struct{ Problem, Prefix string }{problem, s.Prefix}) // whoever went away sees nothing of it
}

// login keeps the token in a cookie, if it is one.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimSpace(r.PostFormValue("token"))
	name, role, ok := "", Role(""), false
	if s.Access.Tokens != nil {
		name, role, ok = s.Access.Tokens.Find(sha256.Sum256([]byte(token)))
	}
	if !ok {
		if wait, ok := s.limiter.takeFailure("failure " + remoteAddress(r).String()); !ok {
			s.problem(w, r, tooFast(wait))
			return
		}
		s.showLogin(w, http.StatusUnauthorized, "That is not a token that is known here.")
		return
	}
	s.Log.Info("logged in", "request", requestID(r), "who", name, "role", role, "address", remoteAddress(r))
	http.SetCookie(w, s.cookie(r, token, int(sessionLength/time.Second)))
	http.Redirect(w, r, s.Prefix+"/", http.StatusSeeOther)
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	http.SetCookie(w, s.cookie(r, "", -1))
	http.Redirect(w, r, s.Prefix+"/login", http.StatusSeeOther)
}

// cookie is the cookie that holds a token: out of reach of scripts and of other
// sites, and of plain HTTP where the browser came by TLS.
func (s *Server) cookie(r *http.Request, token string, age int) *http.Cookie {
	secure := s.Access.TLS || s.Access.trusts(remoteAddress(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
	return &http.Cookie{Name: CookieName, Value: token, Path: s.Prefix + "/", MaxAge: age, HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode}
}
